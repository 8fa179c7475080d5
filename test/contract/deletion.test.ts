import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { sqlClient } from "../../adapters/clients/sql-shared.ts";
import {
  type DeletionCertificate,
  deletionText,
  type Env,
  openFleet,
  verifyDeletion,
  verifyDeletions,
} from "../../adapters/index.ts";
import { prepare } from "../../adapters/prepare/index.ts";
import { pgliteFolder } from "../adapters/pglite-fixture.ts";
import { type Bench, openBench, type UnderTest } from "./bench.ts";
import { servers } from "./servers.ts";
import { chunk } from "./vector-fixture.ts";

// The deletion of a tenant from several roles at once, on the embedded stores, and on the servers that are named.

const folder = mkdtempSync(join(tmpdir(), "agent-stores-deletion-"));
const database = pgliteFolder();
afterAll(() => {
  database.remove();
  rmSync(folder, { recursive: true, force: true });
});
for (const name of ["sqlite", "files"]) mkdirSync(join(folder, name));
const local = { SESSION_URL: `sqlite://${folder}/sqlite`, ARTIFACT_URL: `file://${folder}/files` };
const sqlite = Object.fromEntries(
  ["ADMIN", "OWNER", "FLEET", "APP"].map((account) => [`SQLITE_${account}_URL`, local.SESSION_URL]),
);
await prepare({ ...database.admin, ...sqlite });

const on = (name: string, app: string, fleet: string): UnderTest => ({
  name,
  app: { ...local, VECTOR_URL: app, ARTIFACT_INDEX_URL: app },
  admin: { ...local, VECTOR_URL: fleet, ARTIFACT_INDEX_URL: fleet },
});
deletion(on("pglite", database.url(), database.url("agent_fleet")));
for (const { product, app, fleet } of await servers("vector")) deletion(on(product, app, fleet));
for (const { product, app, fleet } of await servers("session"))
  deletion({ name: `${product} alone`, app: { SESSION_URL: app }, admin: { SESSION_URL: fleet } });

const at = [1, 0, 0, 0];

/** Two chunks, a value and an artifact, as far as these roles are there. */
async function fill(bench: Bench) {
  const stores = bench.fresh();
  const { VECTOR_URL, ARTIFACT_URL } = bench.under.app;
  if (VECTOR_URL) await stores.vector.upsert([chunk("old-1", at), chunk("old-2", at)]);
  await stores.session.set("a", 1);
  if (ARTIFACT_URL) await stores.artifact.put("a", "x");
  return stores;
}

function deletion(under: UnderTest): void {
  const sql = under.app.VECTOR_URL !== undefined;
  const chain = async (admin: Env = under.admin) => {
    await using fleet = openFleet(admin);
    return await fleet.deletions();
  };
  const newest = async () => JSON.parse((await chain()).at(-1) ?? "null") as DeletionCertificate;

  describe(`deleting a tenant on ${under.name}`, () => {
    const bench = openBench(under);
    afterAll(() => bench.close());

    it("counts, certifies, and finds nothing when it looks again", async () => {
      const { tenant } = await fill(bench);
      const { counts, certificate } = await bench.fleet.deleteTenant(tenant);
      expect(counts.session).toMatchObject({ values: 1 });
      if (sql) expect(counts).toMatchObject({ vector: { documents: 2, chunks: 2 }, artifact: { artifacts: 1 } });
      expect(certificate).toMatchObject({ tenant, outcome: "complete", version: 1 });
      expect(certificate.roles.map(({ role, removed }) => [role, removed])).toEqual(Object.entries(counts));
      for (const { found, passes, failed } of certificate.roles)
        expect({ found, passes, failed }).toEqual({ found: {}, passes: 2, failed: null });
      const places = certificate.remains.map(({ where }) => where);
      expect(places).toEqual(expect.arrayContaining(["snapshots", "backups", "kept copies", "traces and logs"]));
      for (const { what, ends } of certificate.remains)
        expect([what, ends]).toEqual([expect.any(String), expect.any(String)]);
      expect(verifyDeletion(certificate)).toBeUndefined();
      expect(deletionText(certificate)).not.toMatch(/127\.0\.0\.1|agent_fleet|\/tmp/);
      expect(await bench.fleet.tenants()).not.toContain(tenant);
      if (!sql) {
        expect(certificate).toMatchObject({ number: null, previous: null, database: null });
        expect(await bench.fleet.deletions()).toEqual([]);
        return;
      }
      expect(places).toEqual(expect.arrayContaining(["audit", "database log files", "disk", "database files"]));
      expect(certificate.database?.found).toEqual({});
      expect(certificate.database?.tables).toBeGreaterThanOrEqual(7);
      expect((await chain()).at(-1)).toBe(deletionText(certificate));
      const again = await bench.fleet.deleteTenant(tenant);
      expect(
        Object.values(again.counts)
          .flatMap((kinds) => Object.values(kinds))
          .every((n) => n === 0),
      ).toBe(true);
      expect(again.certificate.previous).toBe(certificate.sha256);
      expect(verifyDeletions(await chain(), { head: again.certificate.sha256 })).toEqual([]);
    });
  });

  if (sql)
    it(`deleting a tenant on ${under.name} goes on where a store is away, says what is left, and is complete when it is back`, async () => {
      const filling = openBench(under);
      const { tenant } = await fill(filling);
      await Promise.all([filling.stores.close(), filling.fleet.close()]);
      const file = join(folder, "sqlite", "session.db");
      const alone = openBench(under);
      for (const end of ["", "-wal", "-shm"]) rename(`${file}${end}`, `${file}${end}.away`);
      const failed = await alone.fleet.deleteTenant(tenant).catch((error: unknown) => error);
      expect(failed).toMatchObject({ code: "unprepared", store: "fleet" });
      expect(String(failed)).toMatch(/is done in vector, artifact, and left in session \(sqlite: There is no store/);
      expect(String(failed)).toContain(`await openFleet().deleteTenant("${tenant}")`);
      expect(await newest()).toMatchObject({ tenant, outcome: "incomplete" });
      expect((await newest()).roles.map(({ role, failed }) => [role, failed])).toEqual([
        ["vector", null],
        ["session", "unprepared"],
        ["artifact", null],
      ]);
      expect(await alone.stores.tenant(tenant).vector.count()).toBe(0);
      for (const end of ["", "-wal", "-shm"]) rename(`${file}${end}.away`, `${file}${end}`);
      const { counts, certificate } = await alone.fleet.deleteTenant(tenant);
      expect(counts).toMatchObject({ vector: { chunks: 0 }, session: { values: 1 }, artifact: { artifacts: 0 } });
      expect(certificate.outcome).toBe("complete");
      expect(verifyDeletions(await chain(), { head: certificate.sha256 })).toEqual([]);
      await alone.close();
    });

  describe(`deleting tenants at once on ${under.name}`, () => {
    const [bench, other] = [openBench(under), openBench(under)];
    afterAll(async () => {
      await Promise.all([bench.close(), other.close()]);
    });

    it("links every certificate, whoever else deletes", async () => {
      const tenants = await Promise.all(Array.from({ length: 4 }, () => fill(bench)));
      const twice = [...tenants, ...tenants].map(({ tenant }, i) => (i % 2 ? bench : other).fleet.deleteTenant(tenant));
      const all = await Promise.all(twice);
      for (const { certificate } of all) expect(certificate.outcome).toBe("complete");
      const removed = all.reduce((sum, { counts }) => sum + (counts.session?.values ?? 0), 0);
      expect(removed).toBe(4);
      if (!sql) return;
      expect(verifyDeletions(await chain())).toEqual([]);
      expect(new Set(all.map(({ certificate }) => certificate.number)).size).toBe(8);
    });

    it("removes what was there when it began, whatever is written meanwhile", async () => {
      const stores = await fill(bench);
      let writing = true;
      let written = 0;
      const writer = (async () => {
        for (; writing; written++) {
          await stores.session.set(`new-${written}`, written);
          if (sql) await stores.vector.upsert([chunk(`new-${written % 10}`, at)]);
          await setImmediate(); // embedded stores may answer without ever letting go of the thread
        }
      })();
      await expect.poll(() => written).toBeGreaterThan(2);
      const outcome = await other.fleet.deleteTenant(stores.tenant).catch((error: unknown) => error);
      const old = [await stores.session.get("a"), sql && (await stores.vector.query({ vector: at, topK: 99 }))];
      writing = false;
      await writer;
      expect(old[0]).toBeUndefined();
      expect(JSON.stringify(old)).not.toContain("old-");
      if (outcome instanceof Error) {
        expect(outcome).toMatchObject({ code: "conflict" });
        expect(String(outcome)).toMatch(/each look found more \(.*: \d+ .*\)\. Stop what writes as this tenant/);
      }
      const { certificate } = await other.fleet.deleteTenant(stores.tenant);
      expect(certificate.outcome).toBe("complete");
      expect(await other.fleet.tenants()).not.toContain(stores.tenant);
    });
  });

  if (sql)
    describe(`certificates on ${under.name}`, () => {
      it("name rows of a role that is not configured", async () => {
        const bench = openBench(under);
        const stores = await fill(bench);
        await using without = openFleet({ VECTOR_URL: under.admin.VECTOR_URL });
        const failed = await without.deleteTenant(stores.tenant).catch((error: unknown) => error);
        expect(failed).toMatchObject({ code: "conflict" });
        expect(String(failed)).toContain("database: 1 agents.artifacts");
        expect(await newest()).toMatchObject({
          outcome: "incomplete",
          database: { found: { "agents.artifacts": 1 } },
        });
        await bench.close();
      });

      it("can be neither changed nor seen by the application, nor changed by the fleet", async () => {
        const run = (url: string | undefined, text: string) => {
          const client = sqlClient(url ?? "", "vector");
          return client.run({ tenant: "acme", statements: [{ text }] }).finally(() => client.close());
        };
        const denied = (url: string | undefined, text: string) =>
          expect(run(url, text), text).rejects.toMatchObject({ code: "denied" });
        await denied(under.app.VECTOR_URL, "select * from agents_admin.deletions");
        await denied(under.app.VECTOR_URL, "select * from agents_admin.tenant_rows('acme')");
        for (const text of ["update agents_admin.deletions set tenant_id = ''", "delete from agents_admin.deletions"])
          await denied(under.admin.VECTOR_URL, text);
        await denied(under.admin.VECTOR_URL, "truncate agents_admin.deletions");
      });

      it("show any byte that was flipped, and any that is missing", async () => {
        const texts = (await chain()).slice(0, 6);
        expect(verifyDeletions(texts)).toEqual([]);
        expect(verifyDeletions(texts.map((text) => JSON.parse(text)))).toEqual([]);
        const bytes = texts.map((text) => new TextEncoder().encode(text));
        const place = fc
          .nat(texts.length - 1)
          .chain((which) =>
            fc.record({ which: fc.constant(which), byte: fc.nat((bytes[which]?.length ?? 1) - 1), bit: fc.nat(7) }),
          );
        fc.assert(
          fc.property(place, ({ which, byte, bit }) => {
            const flipped = bytes.map((one, i) =>
              i === which ? one.map((value, j) => (j === byte ? value ^ (1 << bit) : value)) : one,
            );
            expect(verifyDeletions(flipped).map((fault) => fault.at)).toContain(which);
          }),
          { numRuns: 500 },
        );
        for (const [i] of texts.slice(0, -1).entries())
          expect(verifyDeletions(texts.toSpliced(i, 1))).toMatchObject([{ at: i, field: "number" }]);
        const head = JSON.parse(texts.at(-1) ?? "").sha256;
        expect(verifyDeletions(texts, { head })).toEqual([]);
        expect(verifyDeletions(texts.slice(0, -1), { head })).toMatchObject([{ field: "head" }]);
        expect(verifyDeletions([...texts].reverse()).length).toBeGreaterThan(0);
        // One that was made anew, hash and all, no longer fits the next.
        const { sha256: _, ...body } = JSON.parse(texts[1] ?? "") as DeletionCertificate;
        const { seal } = await import("../../adapters/deletion/certificate.ts");
        const forged = deletionText(seal({ ...body, tenant: "other" }, body));
        expect(verifyDeletions(texts.with(1, forged))).toMatchObject([{ at: 2, field: "previous" }]);
      });
    });
}

function rename(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch {
    // SQLite removes two of its three files when nobody has them open.
  }
}
