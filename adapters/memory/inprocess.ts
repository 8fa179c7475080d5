import { sqliteMemory } from "../clients/sqlite-file.ts";
import type { OpenMemory } from "./contract.ts";
import { sqliteMemoryAdapter } from "./sqlite.ts";
import { MEMORY } from "./sqlite-schema.ts";

const why = {
  durable: "It lives in this process's memory.",
  shared: "Another process has a memory of its own.",
};

/**
 * The `memory` role in this process's memory: for tests and for trying things out. Everything in this process that opens `inprocess:` shares one state, and
 * `inprocess:name` another.
 */
const open: OpenMemory = (url) =>
  sqliteMemoryAdapter(sqliteMemory(url, MEMORY), { durable: false, shared: false }, why, () => "in-process memory");
export default open;
