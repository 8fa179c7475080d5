import { afterAll, beforeAll, describe } from "vitest";
import { type Bench, openBench, type UnderTest } from "./bench.ts";
import { basics } from "./search-basics.ts";
import { forRun } from "./search-for-run.ts";
import { input } from "./search-input.ts";
import { tenants } from "./search-tenants.ts";
import { words } from "./search-words.ts";

/** The contract of the `search` role: every store under test shows all of it. */
export function searchContract(under: UnderTest): void {
  describe(`search on ${under.name}`, () => {
    let bench: Bench;
    beforeAll(() => {
      bench = openBench(under);
    });
    afterAll(() => bench?.close());
    const get = () => bench;
    describe("basics", () => basics(get));
    describe("words", () => words(get));
    describe("input", () => input(get));
    describe("tenants", () => tenants(get));
    describe("stores of runs", () => forRun(get));
  });
}
