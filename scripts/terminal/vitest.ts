import { join } from "node:path";
import { root } from "../../stacks/place.ts";

/** Words that make vitest speak to people and leave its counts where CI reads them. */
export const results = (project: string): string[] => [
  "--reporter=default",
  `--reporter=${join(root, "test", "second-try.ts")}`,
  "--reporter=json",
  `--outputFile.json=${join(root, "node_modules", ".cache", `results-${project}.json`)}`,
];
