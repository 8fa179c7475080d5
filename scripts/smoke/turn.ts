import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { stateFolder } from "../stack/pulumi.ts";
import { Failure } from "../terminal/report.ts";

/** This run's part in a stack's smoke runs. */
export interface Turn {
  /** Runs `work` while no other run is at its steps, then takes part again. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  end(): void;
}

/** Longest wait for other runs, in milliseconds; each takes less than half a minute. */
const PATIENCE = 180_000;

/**
 * Takes part in a stack's smoke runs. They go on side by side, but a restart waits until no other run is amid its steps; `always: "alone"` keeps
 * a run by itself from start to end. The claim is SQLite's lock on a file in the state folder: a process that dies loses it.
 */
export async function takePart(stack: string, always: "alone" | "together", folder = stateFolder): Promise<Turn> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = new DatabaseSync(join(folder, `${stack}.smoke`), { timeout: 0 });
  const exclusive = () => claim(file, stack, "begin exclusive");
  const shared = () => claim(file, stack, "begin; select count(*) from sqlite_schema");
  await (always === "alone" ? exclusive() : shared());
  return {
    async alone(work) {
      if (always === "alone") return work();
      file.exec("rollback"); // before the exclusive claim, or two runs would wait for each other
      await exclusive();
      try {
        return await work();
      } finally {
        file.exec("rollback");
        await shared();
      }
    },
    end: () => file.close(),
  };
}

async function claim(file: DatabaseSync, stack: string, sql: string): Promise<void> {
  for (const deadline = Date.now() + PATIENCE; ; await sleep(50)) {
    try {
      return file.exec(sql);
    } catch (error) {
      if (file.isTransaction) file.exec("rollback");
      if (!/locked|busy/i.test(String(error))) throw error;
      if (Date.now() > deadline)
        throw new Failure(
          `another smoke run of stack ${stack} is at work and does not end`,
          "Stop it, then type: npm run smoke",
        );
    }
  }
}
