import { EventEmitter } from "node:events";
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pgliteClient } from "../../adapters/clients/pglite.ts";
import { postgresListener } from "../../adapters/clients/postgres-listener.ts";
import type { SqlClient } from "../../adapters/clients/sql.ts";
import type { EventBackend, KeptEvent } from "../../adapters/event/backend.ts";
import { eventStore } from "../../adapters/event/store.ts";
import { type Fleet, openFleet, openStores, StoreError, type Stores } from "../../adapters/index.ts";
import { prepare } from "../../adapters/prepare/index.ts";
import type { SnapshotRecord } from "../../adapters/role.ts";
import { refused } from "../contract/expectations.ts";
import { pgliteFolder } from "./pglite-fixture.ts";

describe("events in SQL", () => {
  const at = pgliteFolder();
  let admin: SqlClient;
  let stores: Stores;
  let fleet: Fleet;
  beforeAll(async () => {
    await prepare(at.admin);
    admin = pgliteClient(at.url("postgres"));
    stores = openStores({ EVENT_URL: at.url() });
    fleet = openFleet({ EVENT_URL: at.url("agent_fleet") });
  }, 60_000);
  afterAll(async () => {
    await Promise.all([admin.close(), stores.close(), fleet.close()]);
    at.remove();
  });
  const ask = async (text: string) => (await admin.run({ tenant: null, statements: [{ text }] }))[0] ?? [];
  const partitions = async () =>
    (
      await ask(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'events.events'::regclass order by 1",
      )
    ).map(({ name }) => String(name));

  it("have partitions for this month and the next, which an append makes where they are missing", async () => {
    const two = await partitions();
    expect(two).toHaveLength(2);
    for (const name of two) await ask(`drop table ${name}`);
    const { event } = stores.tenant("acme");
    const one = [{ type: "t", data: 1 }];
    const all = await Promise.all(["a", "b", "a"].map((stream) => event.append(stream, one)));
    expect(all).toEqual([{ version: 1 }, { version: 1 }, { version: 2 }]);
    expect(await partitions()).toEqual(two);
    await ask(`drop table ${two[0]}`);
    await prepare(at.admin);
    expect(await partitions()).toEqual(two);
    const forced = await ask(
      "select bool_and(relrowsecurity and relforcerowsecurity) as ok from pg_class where relnamespace = 'events'::regnamespace and relkind in ('r', 'p')",
    );
    expect(forced).toEqual([{ ok: true }]);
  });

  it("are purged by dropping whole months, and by rows in the month that is cut", async () => {
    const months = [
      "2019-12-31T23:59:59.999999Z",
      "2020-01-01T00:00:00.000000Z",
      "2020-02-29T12:00:00.000000Z",
      "2020-02-29T12:00:00.000001Z",
    ];
    const record = { tenant: "old", stream: "s", at: months[3] as string };
    const records: SnapshotRecord[] = [
      { ...record, kind: "stream", version: 4 },
      ...months.map((moment, n) => ({ ...record, kind: "event", version: n + 1, type: "t", data: n, at: moment })),
    ];
    await fleet.event.import(
      (async function* () {
        yield* records;
      })(),
    );
    expect(await partitions()).toEqual(
      expect.arrayContaining(["events.events_2019_12", "events.events_2020_01", "events.events_2020_02"]),
    );
    // One millisecond of slack either way would be another event.
    const olderThanMs = Date.now() - Date.parse("2020-02-15T00:00:00Z");
    expect(await fleet.event.purge({ olderThanMs })).toEqual({ events: 2 });
    expect(await partitions()).not.toContain("events.events_2020_01");
    const { event } = stores.tenant("old");
    expect((await event.read("s")).map(({ version }) => version)).toEqual([3, 4]);
    expect(await fleet.event.purge({ olderThanMs: Date.now() - Date.parse("2020-02-29T13:00:00Z") })).toEqual({
      events: 2,
    });
    expect(await partitions()).toContain("events.events_2020_02");
    expect([await event.read("s"), await event.head("s")]).toEqual([[], 4]);
    expect(await event.append("s", [{ type: "t", data: 4 }])).toEqual({ version: 5 });
  });

  it("want the application's account for stores, and the fleet's for acts across tenants", async () => {
    await using wrong = openStores({ EVENT_URL: at.url("agent_fleet") });
    await expect(wrong.tenant("acme").event.head("a")).rejects.toMatchObject(refused("denied"));
    const ended = wrong.tenant("acme").event.subscribe("a", { group: "g" }, () => {});
    await expect(ended).rejects.toMatchObject(refused("denied"));
    await using less = openFleet({ EVENT_URL: at.url() });
    await expect(less.event.tenants()).rejects.toMatchObject(refused("denied"));
    await expect(less.deleteTenant("acme")).rejects.toMatchObject(refused("denied"));
    await expect(less.event.purge({ olderThanMs: 0 })).rejects.toMatchObject(refused("denied"));
  });
});

describe("what listens to PostgreSQL", () => {
  it("hears for each as long as he wants to, and listens again after a lost connection", async () => {
    const made: (EventEmitter & { said: string[] })[] = [];
    const connect = async () => {
      const said: string[] = [];
      const client = Object.assign(new EventEmitter(), {
        said,
        query: async (text: string) => void said.push(text),
        end: async () => void client.emit("end"),
      });
      made.push(client);
      return client as unknown as Client;
    };
    const listener = postgresListener(connect);
    const heard: [string, string | undefined][] = [];
    const stop = await listener.listen("c", (payload) => heard.push(["one", payload]));
    await listener.listen("c", (payload) => heard.push(["two", payload]));
    const notify = (payload: string) => made.at(-1)?.emit("notification", { channel: "c", payload });
    notify("a");
    await stop();
    notify("b");
    expect(heard).toEqual([
      ["one", "a"],
      ["two", "a"],
      ["two", "b"],
    ]);
    made[0]?.emit("end");
    await expect.poll(() => heard.at(-1)).toEqual(["two", undefined]);
    notify("c");
    expect(heard.at(-1)).toEqual(["two", "c"]);
    expect(made.map(({ said }) => said)).toEqual([['listen "c"', 'listen "c"'], ['listen "c"']]);
    await listener.close();
    await expect(listener.listen("c", () => {})).rejects.toMatchObject(refused("invalid"));
  });
});

describe("who follows", () => {
  const can = { durable: true, shared: true, expectedVersion: true, idempotent: true };
  const kept = (version: number): KeptEvent => ({ version, at: 0, type: "t", data: version, id: null });
  const store = (part: Partial<EventBackend>) => eventStore(part as EventBackend, can, {}, new Set());
  const away = () => new StoreError("unavailable", "test", "It is away.", "Wait.");

  it("looks by himself where nobody tells of appends, or what tells is lost", async () => {
    for (const listen of [undefined, () => Promise.reject(away()), async () => async () => {}]) {
      let there = false;
      const read = async (_: string, after: number) => (there && after === 0 ? [kept(1)] : []);
      setTimeout(() => (there = true), 30);
      for await (const { version } of store({ read, ...(listen && { listen }) }).follow("s")) {
        expect(version).toBe(1);
        break;
      }
    }
  });

  it("waits for a store that is away, and ends where it refuses", async () => {
    let tries = 0;
    const read = async (_: string, after: number) => {
      if (++tries < 3) throw away();
      if (after > 0) throw new StoreError("denied", "test", "No.", "Ask.");
      return [kept(1)];
    };
    const seen: number[] = [];
    const following = (async () => {
      for await (const { version } of store({ read }).follow("s")) seen.push(version);
    })();
    await expect(following).rejects.toMatchObject(refused("denied"));
    expect(seen).toEqual([1]);
  });

  it("takes again what he was handed in an answer that was lost, and acknowledges what he handled until it is heard", async () => {
    const calls: { done: number[]; resume: boolean }[] = [];
    const acknowledged: number[] = [];
    let given = false;
    const backend: Partial<EventBackend> = {
      async join() {},
      async take(_, { done, resume }) {
        calls.push({ done: [...done], resume });
        if (calls.length === 2) throw away();
        acknowledged.push(...done);
        if (calls.length === 1) return { events: [{ ...kept(1), count: 1, missed: 0 }], dueMs: null };
        if (!given && resume) {
          given = true;
          return { events: [{ ...kept(2), count: 2, missed: 0 }], dueMs: null };
        }
        return { events: [], dueMs: null };
      },
      async acknowledge(_, versions) {
        acknowledged.push(...versions);
      },
    };
    const seen: number[] = [];
    const subscription = await store(backend).subscribe("s", { group: "g" }, ({ version }) => void seen.push(version));
    await expect.poll(() => acknowledged.at(-1)).toBe(2);
    await subscription.close();
    expect(seen).toEqual([1, 2]);
    expect(calls.slice(0, 3)).toEqual([
      { done: [], resume: true },
      { done: [1], resume: false },
      { done: [1], resume: true },
    ]);
  });

  it("is told when the store refuses him for good", async () => {
    const backend: Partial<EventBackend> = {
      async join() {},
      async take() {
        throw new StoreError("denied", "test", "No.", "Ask.");
      },
    };
    const subscription = await store(backend).subscribe("s", { group: "g" }, () => {});
    await expect(subscription.ended).rejects.toMatchObject(refused("denied"));
    await subscription.close();
  });
});
