import { afterAll, beforeAll, describe } from "vitest";
import { type Bench, openBench, type UnderTest } from "./bench.ts";
import { basics } from "./vector-basics.ts";
import { filters } from "./vector-filters.ts";
import { forRun } from "./vector-for-run.ts";
import { input } from "./vector-input.ts";
import { reindexing } from "./vector-reindex.ts";
import { scale } from "./vector-scale.ts";
import { tenants } from "./vector-tenants.ts";

/** The contract of the `vector` role: every store under test shows all of it. */
export function vectorContract(under: UnderTest): void {
  describe(`vector on ${under.name}`, () => {
    let bench: Bench;
    beforeAll(() => {
      bench = openBench(under);
    });
    afterAll(() => bench?.close());
    const get = () => bench;
    describe("basics", () => basics(get));
    describe("filters", () => filters(get));
    describe("input", () => input(get));
    describe("tenants", () => tenants(get));
    describe("reindexing", () => reindexing(get));
    describe("scale", () => scale(get));
    describe("stores of runs", () => forRun(get));
  });
}
