import { runContract } from "./run.ts";
import { roundTrips } from "./run-snapshots.ts";
import { storesUnderTest } from "./under-test.ts";

const all = await storesUnderTest("run");
for (const under of all) runContract(under);
roundTrips(all);
