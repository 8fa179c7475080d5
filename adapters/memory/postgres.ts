import { sqlClient } from "../clients/sql-shared.ts";
import type { OpenMemory } from "./contract.ts";
import { sqlMemoryAdapter } from "./sql-store.ts";

/** The `memory` role on PostgreSQL. */
const open: OpenMemory = (url) => sqlMemoryAdapter(sqlClient(url, "memory"), { durable: true, shared: true }, {});
export default open;
