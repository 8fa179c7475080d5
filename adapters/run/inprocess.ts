import { sqliteMemory } from "../clients/sqlite-file.ts";
import type { OpenRun } from "./contract.ts";
import { sqliteRun } from "./sqlite.ts";
import { RUN } from "./sqlite-schema.ts";

const why = {
  durable: "It lives in this process's memory.",
  shared: "Another process has a memory of its own.",
};

/**
 * The `run` role in this process's memory: for tests and for trying things out. Everything in this process that opens `inprocess:` shares one state, and `inprocess:name` another.
 */
const open: OpenRun = (url) =>
  sqliteRun(sqliteMemory(url, RUN), { durable: false, shared: false }, why, () => "in-process memory");
export default open;
