import { afterAll, beforeAll, describe } from "vitest";
import { type Bench, openBench, type UnderTest } from "./bench.ts";
import { basics } from "./run-basics.ts";
import { forRun } from "./run-for-run.ts";
import { input } from "./run-input.ts";
import { lists } from "./run-lists.ts";
import { queue } from "./run-queue.ts";
import { snapshots } from "./run-snapshots.ts";
import { tenants } from "./run-tenants.ts";
import { workers } from "./run-workers.ts";

/** The contract of the `run` role: every store under test shows all of it. */
export function runContract(under: UnderTest): void {
  describe(`run on ${under.name}`, () => {
    let bench: Bench;
    beforeAll(() => {
      bench = openBench(under);
    });
    afterAll(() => bench?.close());
    const get = () => bench;
    describe("basics", () => basics(get));
    describe("queue", () => queue(get));
    describe("lists", () => lists(get));
    describe("workers", () => workers(get));
    describe("tenants", () => tenants(get));
    describe("snapshots", () => snapshots(get));
    describe("input", () => input(get));
    describe("stores of runs", () => forRun(get));
  });
}
