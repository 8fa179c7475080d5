import { sqlClient } from "../clients/sql-shared.ts";
import type { OpenRun } from "./contract.ts";
import { sqlRunAdapter } from "./sql-store.ts";

/** The `run` role on PostgreSQL. */
const open: OpenRun = (url) => sqlRunAdapter(sqlClient(url, "run"), { durable: true, shared: true }, {});
export default open;
