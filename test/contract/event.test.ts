import { eventContract } from "./event.ts";
import { eventSnapshots } from "./event-snapshots.ts";
import { storesUnderTest } from "./under-test.ts";

const all = await storesUnderTest("event");
for (const under of all) eventContract(under);
eventSnapshots(all);
