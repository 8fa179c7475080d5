import { existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * A PATH on which some programs are missing: each folder that holds one is replaced by a folder of links to all its
 * others, made below `shadows`.
 */
export function pathWithout(path: string, programs: string[], shadows: string): string {
  return path
    .split(delimiter)
    .map((folder, index) => {
      if (!programs.some((program) => existsSync(join(folder, program)))) return folder;
      const shadow = join(shadows, `${index}-${programs.join("-")}`);
      if (existsSync(shadow)) return shadow;
      mkdirSync(shadow, { recursive: true });
      const others = readdirSync(folder).filter((name) => !programs.includes(name));
      for (const name of others) symlinkSync(join(folder, name), join(shadow, name));
      return shadow;
    })
    .join(delimiter);
}
