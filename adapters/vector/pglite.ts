import { sqlClient } from "../clients/sql-shared.ts";
import type { OpenVector } from "./contract.ts";
import { optionsOf, sqlVectorAdapter } from "./sql-store.ts";

/** The `vector` role on PostgreSQL inside this process. */
const open: OpenVector = (url) =>
  sqlVectorAdapter(sqlClient(url, "vector"), {
    ...optionsOf(url),
    can: { durable: false, ann: true, shared: false },
    why: {
      durable: "It does not wait for the disk (fsync is off).",
      shared: "One process at a time may open its folder.",
    },
  });
export default open;
