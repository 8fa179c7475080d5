import { sqlClient } from "../clients/sql-shared.ts";
import type { OpenRun } from "./contract.ts";
import { sqlRunAdapter } from "./sql-store.ts";

/** The `run` role on PostgreSQL inside this process. */
const open: OpenRun = (url) =>
  sqlRunAdapter(
    sqlClient(url, "run"),
    { durable: false, shared: false },
    {
      durable: "It does not wait for the disk (fsync is off).",
      shared: "One process at a time may open its folder.",
    },
  );
export default open;
