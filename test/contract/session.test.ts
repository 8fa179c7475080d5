import { servers } from "./servers.ts";
import { sessionContract } from "./session.ts";
import { sessionServer } from "./session-server.ts";
import { storesUnderTest } from "./under-test.ts";

for (const under of await storesUnderTest("session")) sessionContract(under);
for (const server of await servers("session")) if (/^rediss?:/.test(server.app)) sessionServer(server);
