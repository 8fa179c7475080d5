import { InvalidArgumentError, Option } from "commander";
import type { Change } from "../stack/file.ts";

/** The options by which a command changes settings before it acts on them. */
export const settingsOptions = [
  new Option("--target <target>", "docker, kubernetes, or embedded in your own process").argParser((value: string) => [
    { path: ["target"], value },
  ]),
  new Option(
    "--port <product=port>",
    "move a product's port; product.name=port where it has several; auto: free ones for all that are not set",
  ).argParser((word: string, earlier: Change[] = []) => {
    if (word === "auto") return [...earlier, { path: ["hostPorts"], value: "auto" }];
    const { path, value } = assignment(word);
    return [...earlier, { path: ["ports", ...path], value }];
  }),
  new Option("--set <key=value>", "set any key of Pulumi.yaml, e.g. budgets.postgres.memory=2GiB").argParser(
    (word: string, earlier: Change[] = []) => [...earlier, assignment(word)],
  ),
];

export interface SettingsOptions {
  target?: Change[];
  port?: Change[];
  set?: Change[];
}

export const changesOf = ({ target = [], port = [], set = [] }: SettingsOptions): Change[] => [
  ...target,
  ...port,
  ...set,
];

function assignment(word: string): Change {
  const [, key = "", text = ""] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
  if (key === "") throw new InvalidArgumentError(`${JSON.stringify(word)} is not of the form key=value.`);
  const value = /^(true|false)$/.test(text)
    ? text === "true"
    : text !== "" && Number.isFinite(Number(text))
      ? Number(text)
      : text;
  const path = key.replace(/^agent-stores:/, "").split(".");
  if (path[0] === "running") throw new InvalidArgumentError("containers are stopped by npm run down.");
  return { path, value };
}
