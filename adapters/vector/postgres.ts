import { sqlClient } from "../clients/sql-shared.ts";
import type { OpenVector } from "./contract.ts";
import { optionsOf, sqlVectorAdapter } from "./sql-store.ts";

/** The `vector` role on PostgreSQL with pgvector. */
const open: OpenVector = (url) =>
  sqlVectorAdapter(sqlClient(url, "vector"), {
    can: { durable: true, ann: true, shared: true },
    why: {},
    ...optionsOf(url),
  });
export default open;
