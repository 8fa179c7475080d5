import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../stacks/place.ts";

/** Every command of the README, as it stands there and in its order. */
export const readmeCommands: readonly string[] = [
  ...readFileSync(join(root, "README.md"), "utf8").matchAll(/```sh\n([\s\S]*?)```/g),
].flatMap(([, text = ""]) =>
  text
    .split("\n")
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter(Boolean),
);

/** The stack that the README has on a cluster. */
export const CLUSTER_STACK = "--stack k8s";
