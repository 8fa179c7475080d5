import { spawnSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, it } from "vitest";
import { prepare } from "../../adapters/prepare/index.ts";
import { pgliteFolder } from "../adapters/pglite-fixture.ts";
import { thorough } from "../contract/thorough.ts";
import { filesIn, place } from "./fixture.ts";

/** Megabytes that an export or import may take on top of its open stores, and those of its heap. */
const MEMORY = 120;
const HEAP = 64;

const { folder, remove } = place();
const databases = [pgliteFolder(), pgliteFolder()];
afterAll(() => {
  remove();
  for (const one of databases) one.remove();
});

it.skipIf(!thorough)(
  "200 MiB of artifacts and 20,000 long chunks go out and in at constant memory",
  { timeout: 240_000 },
  async () => {
    const [from = [], to = []] = await Promise.all(
      databases.map(async ({ admin, url }, i) => {
        await prepare(admin);
        const files = join(folder, `files-${i}`);
        mkdirSync(files);
        return [`${url("agent_fleet")}&index_from=1000000`, pathToFileURL(files).href];
      }),
    );
    const run = (act: string, urls: string[], flags: string[] = []): { megabytes: number } => {
      const words = [
        "--expose-gc",
        ...flags,
        join(import.meta.dirname, "large.ts"),
        act,
        join(folder, "large"),
        ...urls,
      ];
      const started = Date.now();
      const ran = spawnSync(process.execPath, words, { encoding: "utf8" });
      expect(ran.status, ran.stderr).toBe(0);
      console.log(`  ${act} ${((Date.now() - started) / 1000).toFixed(1)} s ${ran.stdout.trim()}`);
      return JSON.parse(ran.stdout);
    };
    run("fill", from);
    const bounded = [`--max-old-space-size=${HEAP}`];
    expect(run("export", from, bounded).megabytes).toBeLessThan(MEMORY);
    const bytes = filesIn(join(folder, "large")).reduce(
      (sum, file) => sum + statSync(join(folder, "large", file)).size,
      0,
    );
    expect(bytes).toBeGreaterThan(230e6);
    expect(run("import", to, bounded).megabytes).toBeLessThan(MEMORY);
  },
);
