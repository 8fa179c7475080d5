import { sqlClient } from "../clients/sql-shared.ts";
import type { OpenMemory } from "./contract.ts";
import { sqlMemoryAdapter } from "./sql-store.ts";

const why = {
  durable: "It does not wait for the disk (fsync is off).",
  shared: "One process at a time may open its folder.",
};

/** The `memory` role on PostgreSQL inside this process. */
const open: OpenMemory = (url) => sqlMemoryAdapter(sqlClient(url, "memory"), { durable: false, shared: false }, why);
export default open;
