import { sqlClient } from "../clients/sql-shared.ts";
import type { OpenSearch } from "./contract.ts";
import { sqlSearchAdapter } from "./sql-store.ts";

/** The `search` role on PostgreSQL's own full-text search. */
const open: OpenSearch = (url) =>
  sqlSearchAdapter(sqlClient(url, "search"), { can: { durable: true, shared: true, languages: true }, why: {} });
export default open;
