import { setTimeout as sleep } from "node:timers/promises";
import type { SqlClient, Statement, Value } from "../clients/sql.ts";
import { asAccount } from "../clients/sql-account.ts";
import { isSql, sqlClient } from "../clients/sql-shared.ts";
import { StoreError } from "../errors.ts";
import { type Counts, type DeletionBody, type DeletionCertificate, deletionText, seal } from "./certificate.ts";

/** How often others may be faster at the chain's end. */
const TRIES = 50;
/** Certificates that are read at a time. */
const PAGE = 1_000;

/** The chain of certificates in a database. Needs the fleet's account. */
export interface Ledger {
  /** Protocol of its database. */
  readonly store: string;
  /** Adds a certificate at the end of the chain. */
  append(body: DeletionBody): Promise<DeletionCertificate>;
  /** The texts that were kept, oldest first. */
  all(): Promise<string[]>;
  /** Rows of a tenant in every table of the database that is about tenants, but for the audit; tables without any are counted and not named. */
  rowsOf(tenant: string): Promise<{ tables: number; found: Counts }>;
  close(): Promise<void>;
}

/** The chain in the first database (SQL) among these stores' URLs, opened when it is first asked for; undefined where there is none. */
export function ledgerIn(urls: readonly (string | undefined)[]): {
  open(): Ledger | undefined;
  close(): Promise<void>;
} {
  let ledger: Ledger | undefined;
  let closed = false;
  return {
    open() {
      if (closed) throw new StoreError("invalid", "fleet", "The fleet was closed.", "Open it again: openFleet().");
      const url = urls.find((one) => one && isSql(one));
      if (url) ledger ??= openLedger(sqlClient(url, "fleet"));
      return ledger;
    },
    async close() {
      closed = true;
      await ledger?.close();
    },
  };
}

function openLedger(client: SqlClient): Ledger {
  // Without the right account, a look would find nothing under the policies.
  const account = asAccount(client, "fleet", "agents.audit");
  const run = async (statements: Statement[], timeout?: number) =>
    account.run({ tenant: null, repeatable: true, statements, ...(timeout !== undefined && { timeout }) });
  const ask = async (text: string, values: readonly Value[] = [], timeout?: number) =>
    (await run([{ text, values }], timeout))[0] ?? [];

  return {
    store: client.protocol,
    async append(body) {
      for (let tries = 0; tries < TRIES; tries++) {
        const [last] = await ask("select seq::float8, sha256 from agents_admin.deletions order by seq desc limit 1");
        const number = Number(last?.seq ?? 0) + 1;
        const certificate = seal(body, { number, previous: last ? String(last.sha256) : null });
        const { sha256, previous } = certificate;
        const [, kept = []] = await run([
          {
            text: `insert into agents_admin.deletions (seq, tenant_id, sha256, previous, certificate) values ($1, $2, $3, $4, $5)
              on conflict do nothing`,
            values: [number, body.tenant, sha256, previous, deletionText(certificate)],
          },
          // Asked for by its hash: sent twice, it is there though the second did nothing.
          { text: "select from agents_admin.deletions where sha256 = $1", values: [sha256] },
        ]);
        if (kept.length > 0) return certificate;
        await sleep(Math.random() * 10 * (tries + 1));
      }
      throw new StoreError("conflict", "fleet", "Other deletions kept the chain's end busy.", "Repeat the call.");
    },
    async all() {
      const texts: string[] = [];
      for (;;) {
        const rows = await ask(
          `select certificate from agents_admin.deletions order by seq limit ${PAGE} offset $1::bigint`,
          [texts.length],
        );
        texts.push(...rows.map(({ certificate }) => String(certificate)));
        if (rows.length < PAGE) return texts;
      }
    },
    async rowsOf(tenant) {
      const rows = await ask("select name, held::float8 from agents_admin.tenant_rows($1)", [tenant], 0);
      const held = rows.filter((row) => Number(row.held) > 0).map((row) => [String(row.name), Number(row.held)]);
      return { tables: rows.length, found: Object.fromEntries(held) };
    },
    close: () => client.close(),
  };
}
