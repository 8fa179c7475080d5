import { describe } from "vitest";
import { memoryContract } from "./memory.ts";
import { policies } from "./memory-policies.ts";
import { moves } from "./memory-snapshot.ts";
import { storesUnderTest } from "./under-test.ts";

const all = await storesUnderTest("memory");
for (const under of all) memoryContract(under);
describe("snapshots of memory", () => moves(all));
for (const under of all) if (/^(postgres|pglite):/.test(under.app.MEMORY_URL ?? "")) policies(under);
