import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { useClone } from "./clone.ts";
import { labelled } from "./docker.ts";
import { withImages } from "./flags.ts";

// Not everybody is root: uid 1000 in the docker group, with data in named volumes and in a folder.

const lab = inject("lab");
const PRODUCTS = ["postgres", "redis", "minio", "jaeger", "otel-collector"];
const clone = useClone([], { uid: 1000 });

describe.each(["volumes", "./.local-data"])("storage in %s", (storage) => {
  const stack = storage === "volumes" ? "user-volumes" : "user-folder";
  const on = `--stack ${stack}`;

  it("comes up and is proven; a folder also goes down and comes back", async () => {
    for (const command of [
      `npm run up -- ${on} --port auto --set trace=jaeger --set storage=${storage} ${withImages(lab)}`,
      `npm run smoke -- ${on}`,
      ...(storage === "volumes" ? [] : [`npm run down -- ${on}`, `npm run up -- ${on}`]),
    ]) {
      const ran = await clone.run(command);
      expect(ran.code, `${command}\n${ran.stdout}${ran.stderr}`).toBe(0);
    }
    for (const product of PRODUCTS) {
      const folder = join(clone.folder, ".local-data", stack, product);
      expect(existsSync(folder), product).toBe(storage !== "volumes");
      if (existsSync(folder)) expect(statSync(folder).uid, product).toBe(1000);
    }
  });

  it("is deleted by the same user", async () => {
    const ran = await clone.run(`npm run reset -- --yes ${on}`);
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    expect(await labelled("volume", stack)).toEqual([]);
    for (const product of PRODUCTS)
      expect(existsSync(join(clone.folder, ".local-data", stack, product)), product).toBe(false);
  });
});
