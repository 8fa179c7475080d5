import { sqlClient } from "../clients/sql-shared.ts";
import type { OpenEvent } from "./contract.ts";
import { sqlEventAdapter } from "./sql-store.ts";

/** The `event` role on PostgreSQL inside this process. */
const open: OpenEvent = (url) =>
  sqlEventAdapter(
    sqlClient(url, "event"),
    { durable: false, shared: false, expectedVersion: true, idempotent: true },
    {
      durable: "It does not wait for the disk (fsync is off).",
      shared: "One process at a time may open its folder.",
    },
  );
export default open;
