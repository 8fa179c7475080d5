import { sqliteMemory } from "../clients/sqlite-file.ts";
import type { OpenSession } from "./contract.ts";
import { sqliteSession } from "./sqlite.ts";
import { SESSION } from "./sqlite-schema.ts";

const why = {
  durable: "It lives in this process's memory.",
  shared: "Another process has a memory of its own.",
};

/**
 * The `session` role in this process's memory: for tests and for trying things out. Everything in this process that opens `inprocess:` shares one state,
 * and `inprocess:name` another.
 */
const open: OpenSession = (url) =>
  sqliteSession(sqliteMemory(url, SESSION), { durable: false, shared: false }, why, () => "in-process memory");
export default open;
