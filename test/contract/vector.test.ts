import { storesUnderTest } from "./under-test.ts";
import { vectorContract } from "./vector.ts";

for (const under of await storesUnderTest("vector")) vectorContract(under);
