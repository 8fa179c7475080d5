import { sqlClient } from "../clients/sql-shared.ts";
import type { OpenSearch } from "./contract.ts";
import { sqlSearchAdapter } from "./sql-store.ts";

/** The `search` role on PostgreSQL inside this process. */
const open: OpenSearch = (url) =>
  sqlSearchAdapter(sqlClient(url, "search"), {
    can: { durable: false, shared: false, languages: true },
    why: {
      durable: "It does not wait for the disk (fsync is off).",
      shared: "One process at a time may open its folder.",
    },
  });
export default open;
