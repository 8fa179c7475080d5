import { afterAll, beforeAll, describe } from "vitest";
import { type Bench, openBench, type UnderTest } from "./bench.ts";
import { forRun } from "./session-for-run.ts";
import { input } from "./session-input.ts";
import { lists } from "./session-lists.ts";
import { numbers } from "./session-numbers.ts";
import { purge } from "./session-purge.ts";
import { tenants } from "./session-tenants.ts";
import { together } from "./session-together.ts";
import { values } from "./session-values.ts";

/** The contract of the `session` role: every store under test shows all of it. */
export function sessionContract(under: UnderTest): void {
  describe(`session on ${under.name}`, () => {
    let bench: Bench;
    beforeAll(() => {
      bench = openBench(under);
    });
    afterAll(() => bench?.close());
    const get = () => bench;
    describe("values", () => values(get));
    describe("lists", () => lists(get));
    describe("numbers", () => numbers(get));
    describe("together", () => together(get));
    describe("tenants", () => tenants(get));
    describe("input", () => input(get));
    describe("purge", () => purge(get));
    describe("stores of runs", () => forRun(get));
  });
}
