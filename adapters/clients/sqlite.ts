import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { StoreError } from "../errors.ts";
import { isBusy, toStoreError } from "./sqlite-errors.ts";

/** Statements, prepared once each. */
export interface Statements {
  all<Row>(text: string, ...values: SQLInputValue[]): Row[];
  first<Row>(text: string, ...values: SQLInputValue[]): Row | undefined;
  /** How many rows it changed. */
  change(text: string, ...values: SQLInputValue[]): number;
}

/** A database in a file, which other processes may have open too, or in this process's memory. */
export interface SqliteClient {
  /** Runs one statement that reads. */
  read<T>(work: (db: Statements) => T): Promise<T>;
  /** Runs statements as one transaction, on disk when it resolves. Other writers are waited for, some seconds at most. */
  write<T>(work: (db: Statements) => T): Promise<T>;
  /**
   * Calls `look` soon after a change by another process, and when `changed` is called, until what it resolves to is. `fail` when changes cannot be seen any more.
   */
  watch(look: () => void, fail: (error: unknown) => void): Promise<() => void>;
  changed(): void;
  close(): Promise<void>;
}

/** A connection that everything in this process shares which opens the same database. */
export interface Shared {
  db: DatabaseSync;
  statements: Statements;
  users: number;
  /** What to call after a change, each with what to call when there is no telling any more. */
  lookers: Map<() => void, (error: unknown) => void>;
  timer?: NodeJS.Timeout;
}

/** Milliseconds for which other writers are waited for. */
const PATIENCE = 5_000;
/** Milliseconds that a busy file may hold this whole process up; beyond, it goes on with other work and tries again. */
const BLOCKED = 100;
/** Milliseconds between looks whether another process wrote. */
const LOOK = 25;

/** Folder of `sqlite:///absolute/folder`, which has no parameters. Throws `StoreError` code `invalid`. */
export function parseSqliteUrl(url: string): string {
  try {
    const at = new URL(url);
    const folder = fileURLToPath(`file://${at.pathname}`);
    if (at.protocol !== "sqlite:" || at.host || at.search || at.hash || folder.length < 2) throw new Error("no folder");
    return folder;
  } catch (cause) {
    const what = `"${url}" is not the URL of a folder.`;
    throw new StoreError("invalid", "sqlite", what, "Write sqlite:///absolute/folder", cause);
  }
}

/** A client of what `join` opens, which is called on first use; `leave` is called once, when it closes. */
export function sqliteClient(join: () => Promise<Shared>, leave: (one: Shared) => void): SqliteClient {
  let mine: Promise<Shared> | undefined;
  let closing: Promise<void> | undefined;
  const watching = new Set<() => void>();

  function shared(): Promise<Shared> {
    if (closing) throw new StoreError("invalid", "sqlite", "The store was closed.", "Open it again.");
    if (!mine) {
      mine = join();
      mine.catch(() => {
        mine = undefined;
      });
    }
    return mine;
  }
  async function close(): Promise<void> {
    const one = await mine?.catch(() => undefined);
    for (const stop of watching) stop();
    if (one) leave(one);
  }
  return {
    async read(work) {
      const { statements } = await shared();
      return translated(() => work(statements));
    },
    async write(work) {
      const { db, statements } = await shared();
      for (const deadline = performance.now() + PATIENCE; ; await sleep(Math.random() * 20)) {
        try {
          return transaction(db, () => work(statements));
        } catch (error) {
          if (!isBusy(error) || performance.now() > deadline) throw toStoreError(error);
        }
      }
    },
    async watch(look, fail) {
      const one = await shared();
      one.timer ??= translated(() => poll(one));
      one.lookers.set(look, fail);
      const stop = () => {
        one.lookers.delete(look);
        watching.delete(stop);
        if (one.lookers.size > 0) return;
        clearInterval(one.timer);
        one.timer = undefined;
      };
      watching.add(stop);
      return stop;
    },
    changed() {
      void mine?.then(({ lookers }) => {
        for (const look of [...lookers.keys()]) look();
      });
    },
    close: () => (closing ??= close()),
  };
}

/** Without a pause from begin to commit: the connection has room for one. */
function transaction<T>(db: DatabaseSync, work: () => T): T {
  try {
    db.exec("begin immediate");
    const result = work();
    db.exec("commit");
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("rollback");
    throw error;
  }
}

function translated<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toStoreError(error);
  }
}

/** What others committed changes `data_version`, which costs a look into shared memory; what this connection committed does not. */
function poll(one: Shared): NodeJS.Timeout {
  const version = () => one.statements.first<{ data_version: number }>("pragma data_version")?.data_version;
  let seen = version();
  return setInterval(() => {
    try {
      const now = version();
      if (now === seen) return;
      seen = now;
    } catch (error) {
      if (isBusy(error)) return; // until the next time
      const fault = toStoreError(error);
      for (const fail of [...one.lookers.values()]) fail(fault);
      return;
    }
    for (const look of [...one.lookers.keys()]) look();
  }, LOOK);
}

/**
 * Keeps every other process out of a database until the returned function is called or the process ends. Throws `StoreError` code `conflict` when one has
 * it open. A file that is no database nobody can be at work in.
 */
export async function holdDatabase(file: string): Promise<() => void> {
  const { DatabaseSync } = await import("node:sqlite");
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { timeout: 0 });
    db.exec("pragma locking_mode = exclusive; begin exclusive");
  } catch (cause) {
    db?.close();
    if (!isBusy(cause)) return () => {};
    const what = `${file} is open in another process.`;
    throw new StoreError("conflict", "sqlite", what, "Stop that process, then repeat this.", cause);
  }
  return () => db.close();
}

/** Opens a file that is there, or `:memory:`. Throws `StoreError`. */
export async function openDatabase(file: string): Promise<Shared> {
  const { DatabaseSync } = await import("node:sqlite");
  return translated(() => {
    const db = new DatabaseSync(file, { timeout: BLOCKED });
    db.exec("pragma journal_mode = wal; pragma synchronous = full; pragma journal_size_limit = 67108864");
    return { db, statements: statementsOf(db), users: 0, lookers: new Map() };
  });
}

function statementsOf(db: DatabaseSync): Statements {
  const prepared = new Map<string, StatementSync>();
  const statement = (text: string): StatementSync => {
    const known = prepared.get(text) ?? db.prepare(text);
    prepared.set(text, known);
    return known;
  };
  return {
    all: <Row>(text: string, ...values: SQLInputValue[]) => statement(text).all(...values) as Row[],
    first: <Row>(text: string, ...values: SQLInputValue[]) => statement(text).get(...values) as Row | undefined,
    change: (text, ...values) => Number(statement(text).run(...values).changes),
  };
}
