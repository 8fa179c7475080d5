import { afterAll, beforeAll, describe } from "vitest";
import { basics } from "./artifact-basics.ts";
import type { ArtifactBench, ArtifactUnderTest } from "./artifact-fixture.ts";
import { forRun } from "./artifact-for-run.ts";
import { index } from "./artifact-index.ts";
import { input } from "./artifact-input.ts";
import { capabilities, presigned, runs } from "./artifact-runs.ts";
import { streams } from "./artifact-streams.ts";
import { tenants } from "./artifact-tenants.ts";
import { openBench } from "./bench.ts";

/** The contract of the `artifact` role: every store under test shows all of it. */
export function artifactContract(under: ArtifactUnderTest): void {
  // A machine that builds other things meanwhile is slow.
  describe(`artifact on ${under.name}`, { timeout: 300_000 }, () => {
    let bench: ArtifactBench;
    beforeAll(() => {
      bench = openBench(under);
    });
    afterAll(() => bench?.close());
    const get = () => bench;
    describe("basics", () => basics(get));
    describe("streams", () => streams(get));
    describe("runs", () => runs(get));
    describe("presigned", () => presigned(get));
    describe("capabilities", () => capabilities(get));
    describe("index", () => index(get));
    describe("tenants", () => tenants(get));
    describe("input", () => input(get));
    describe("stores of runs", () => forRun(get));
  });
}
