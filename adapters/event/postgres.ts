import { sqlClient } from "../clients/sql-shared.ts";
import type { OpenEvent } from "./contract.ts";
import { sqlEventAdapter } from "./sql-store.ts";

/** The `event` role on PostgreSQL. */
const open: OpenEvent = (url) =>
  sqlEventAdapter(
    sqlClient(url, "event"),
    { durable: true, shared: true, expectedVersion: true, idempotent: true },
    {},
  );
export default open;
