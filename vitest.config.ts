import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** More than cores: tests mostly wait, for engines to open, for locks and for time to pass. */
const WORKERS = availableParallelism() + 2;
/** Where nobody can run it again by hand; test/second-try.ts names each that needed it. */
const retry = process.env.CI ? 1 : 0;
/** What the lab's tests share. */
const lab = { retry, globalSetup: "test/lab/setup.ts", testTimeout: 600_000, hookTimeout: 600_000 };
/** They measure seconds, hold servers to time, or load the machine: one after the other, when the others have ended. */
const alone = ["cold", "contracts", "embedded", "kubernetes", "stacks"].map((name) => `test/lab/${name}.test.ts`);

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          retry,
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/lab/**"],
          // Beside servers, in the lab, everything is tried more often, and other tests are at work.
          testTimeout: process.env.CONTRACT_ADMIN_ENV ? 300_000 : 30_000,
          hookTimeout: process.env.CONTRACT_ADMIN_ENV ? 300_000 : 60_000,
          maxWorkers: WORKERS,
          // Node reads TypeScript by itself, and each worker reads a file once: a quarter less time than through vite, anew for each test file.
          isolate: false,
          experimental: { viteModuleRunner: false },
        },
      },
      // Two at a time, since they wait for servers much; each has stacks and ports of its own.
      {
        test: {
          ...lab,
          name: "lab",
          include: ["test/lab/**/*.test.ts"],
          exclude: alone,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { ...lab, name: "lab-alone", include: alone, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
});
