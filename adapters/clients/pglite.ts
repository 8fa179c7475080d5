import { fileURLToPath } from "node:url";
import type { messages } from "@electric-sql/pglite";
import { StoreError } from "../errors.ts";
import { type Engine, type OpenOptions, openEngine } from "./pglite-engine.ts";
import { sqlProblem } from "./postgres-errors.ts";
import { begin, decoder, type Row, type SqlClient, type Statement, type Work } from "./sql.ts";

/** Folder and account of `pglite:///absolute/folder?role=agent_core`. */
export function parsePgliteUrl(url: string): { folder: string; role: string } {
  try {
    const at = new URL(url);
    const folder = fileURLToPath(`file://${at.pathname}`);
    if (at.protocol !== "pglite:" || at.host || folder.length < 2) throw new Error("no folder");
    return { folder, role: at.searchParams.get("role") ?? "agent_core" };
  } catch (cause) {
    throw new StoreError(
      "invalid",
      "pglite",
      `"${url}" is not the URL of a folder.`,
      "Write pglite:///absolute/folder",
      cause,
    );
  }
}

/**
 * A client of the embedded engine, speaking the same protocol as to a server. Its one session belongs to the superuser, who is not
 * bound by policies, so every transaction first becomes the URL's account.
 */
export function pgliteClient(url: string, options: OpenOptions = {}): SqlClient {
  const { folder, role } = parsePgliteUrl(url);
  let opened: ReturnType<typeof openEngine> | undefined;
  let closed = false;
  let oid: Promise<number> | undefined;

  const open = () => {
    if (closed) throw new StoreError("invalid", "pglite", "The store was closed.", "Open it again.");
    if (!opened) {
      opened = openEngine(folder, options);
      opened.catch(() => {
        opened = undefined;
      });
    }
    return opened;
  };

  return {
    protocol: "pglite",
    async run(work) {
      const { engine } = await open();
      return engine.exclusive(() => transact(engine, role, work));
    },
    vectorOid(fresh = false) {
      if (fresh || !oid) {
        const text = "select coalesce(to_regtype('vector')::oid::int4, 0) as oid";
        oid = this.run({ tenant: null, statements: [{ text }] }).then(([rows]) => Number(rows?.[0]?.oid));
        oid.catch(() => {
          oid = undefined;
        });
      }
      return oid;
    },
    async close() {
      closed = true;
      await (await opened?.catch(() => undefined))?.release();
      opened = undefined;
    },
  };
}

async function transact(engine: Engine, role: string, work: Work): Promise<Row[][]> {
  const statements: Statement[] = [
    // No timer interrupts this engine: it has one thread.
    begin(work, 0, `set local role "${role.replaceAll('"', '""')}"; `),
    ...work.statements,
    { text: "commit" },
  ];
  const fresh: string[] = [];
  const bytes = Buffer.concat(statements.flatMap((s) => encode(engine, role, s, fresh)));
  const { messages: answers } = await engine.db.execProtocol(bytes, { throwOnError: false });
  const { results, problem, tag } = read(answers);
  if (problem) {
    for (const key of fresh) engine.prepared.delete(key);
    const [code, what, mend] = sqlProblem(problem.code ?? "", problem.message, { user: role, database: "pglite" });
    throw new StoreError(code, "pglite", what, mend, problem);
  }
  if (tag !== "COMMIT")
    throw new StoreError("failed", "pglite", "The engine rolled the transaction back.", "Try again.");
  return results.slice(1, -1);
}

/** The messages of one statement up to its own Sync, so that each has its own answer. */
function encode(engine: Engine, role: string, s: Statement, fresh: string[]): Uint8Array[] {
  const { serialize } = engine.protocol;
  if (!s.values) return [serialize.query(s.text)];
  const key = `${role}\n${s.text}`;
  let name = engine.prepared.get(key);
  const parse: Uint8Array[] = [];
  if (!name) {
    name = engine.nextName();
    engine.prepared.set(key, name);
    fresh.push(key);
    parse.push(serialize.parse({ text: s.text, name }));
  }
  const values = s.values.map((v) => (v === null || v instanceof Uint8Array ? v : String(v)));
  return [
    ...parse,
    serialize.bind({ statement: name, values, valueMapper: (v) => v as never }),
    serialize.describe({ type: "P" }),
    serialize.execute({}),
    serialize.sync(),
  ];
}

type Answer = Awaited<ReturnType<Engine["db"]["execProtocol"]>>["messages"][number];

function read(answers: Answer[]) {
  const results: Row[][] = [];
  let rows: Row[] = [];
  let fields: { name: string; decode: (text: string) => unknown }[] = [];
  let tag = "";
  let problem: messages.DatabaseError | undefined;
  for (const answer of answers) {
    switch (answer.name) {
      case "rowDescription":
        rows = [];
        fields = (answer as messages.RowDescriptionMessage).fields.map((f) => ({
          name: f.name,
          decode: decoder(f.dataTypeID),
        }));
        break;
      case "dataRow": {
        const row: Row = {};
        (answer as messages.DataRowMessage).fields.forEach((text, i) => {
          const field = fields[i];
          if (field) row[field.name] = text === null ? null : field.decode(text);
        });
        rows.push(row);
        break;
      }
      case "commandComplete":
        tag = (answer as messages.CommandCompleteMessage).text;
        break;
      case "error":
        problem ??= answer as messages.DatabaseError;
        break;
      case "readyForQuery":
        results.push(rows);
        rows = [];
        break;
    }
  }
  return { results, problem, tag };
}
