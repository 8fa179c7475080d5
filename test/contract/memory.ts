import { afterAll, beforeAll, describe } from "vitest";
import { type Bench, openBench, type UnderTest } from "./bench.ts";
import { basics } from "./memory-basics.ts";
import { concurrency } from "./memory-concurrency.ts";
import { forRun } from "./memory-for-run.ts";
import { history } from "./memory-history.ts";
import { input } from "./memory-input.ts";
import { search } from "./memory-search.ts";
import { snapshots } from "./memory-snapshot.ts";
import { tenants } from "./memory-tenants.ts";

/** The contract of the `memory` role: every store under test shows all of it. */
export function memoryContract(under: UnderTest): void {
  describe(`memory on ${under.name}`, () => {
    let bench: Bench;
    beforeAll(() => {
      bench = openBench(under);
    });
    afterAll(() => bench?.close());
    const get = () => bench;
    describe("basics", () => basics(get));
    describe("search", () => search(get));
    describe("history", () => history(get));
    describe("concurrency", () => concurrency(get));
    describe("tenants", () => tenants(get));
    describe("snapshots", () => snapshots(get));
    describe("input", () => input(get));
    describe("stores of runs", () => forRun(get));
  });
}
