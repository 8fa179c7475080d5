import { afterAll, beforeAll, describe } from "vitest";
import { type Bench, openBench, type UnderTest } from "./bench.ts";
import { basics } from "./event-basics.ts";
import { forRun } from "./event-for-run.ts";
import { groups } from "./event-groups.ts";
import { input } from "./event-input.ts";
import { tenants } from "./event-tenants.ts";
import { together } from "./event-together.ts";

/** The contract of the `event` role: every store under test shows all of it. */
export function eventContract(under: UnderTest): void {
  describe(`event on ${under.name}`, () => {
    let bench: Bench;
    beforeAll(() => {
      bench = openBench(under);
    });
    afterAll(() => bench?.close());
    const get = () => bench;
    describe("streams", () => basics(get));
    describe("groups", () => groups(get));
    describe("together", () => together(get));
    describe("input", () => input(get));
    describe("tenants", () => tenants(get));
    describe("stores of runs", () => forRun(get));
  });
}
