import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { MongoNetworkError, MongoNetworkTimeoutError, MongoServerError } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Mongo, mongoAt } from "../../adapters/clients/mongodb.ts";
import { toStoreError } from "../../adapters/clients/mongodb-errors.ts";
import { parseMongoUrl } from "../../adapters/clients/mongodb-url.ts";
import { openFleet, openStores } from "../../adapters/index.ts";
import type { CheckedFact } from "../../adapters/memory/backend.ts";
import { afterPut, archived, type Batch, changeOf, ended, type Head } from "../../adapters/memory/mongodb-documents.ts";
import { Heads } from "../../adapters/memory/mongodb-heads.ts";
import { mongoBackend } from "../../adapters/memory/mongodb-store.ts";
import { checkFacts } from "../../adapters/memory/validate.ts";
import { refused } from "../contract/expectations.ts";
import { servers } from "../contract/servers.ts";

const PASSWORD = "s3cret/with@signs";
const secret = encodeURIComponent(PASSWORD);

describe("a URL", () => {
  it("says where a database is, and who opens it", () => {
    expect(parseMongoUrl(`mongodb://me:${secret}@[::1]:7000/facts?authSource=users&tls=true&timeout=500`)).toEqual({
      server: "mongodb://[::1]:7000",
      username: "me",
      password: PASSWORD,
      authSource: "users",
      database: "facts",
      tls: true,
      timeout: 500,
    });
    expect(parseMongoUrl("mongodb://host/facts")).toMatchObject({
      ...{ server: "mongodb://host:27017", username: "", authSource: "admin", tls: false, timeout: 30_000 },
    });
    expect(parseMongoUrl("mongodb+srv://host/facts")).toMatchObject({ server: "mongodb+srv://host", tls: true });
  });

  it.each([
    "mongodb://u:k@host",
    "mongodb://u:k@host/a.b",
    "mongodb://u:k@host/c?tls=maybe",
    "mongodb://u:k@host/c?timeout=soon",
    "mongodb://u:k@host/c?authsource=admin",
    "mongodb://u:k%zz@host/c",
    "mongodb://u:k@one,two/c",
    "mongodb:///c",
  ])("%s is refused, and its password not repeated", (url) => {
    const given = url.replace(":k", `:${secret}`);
    const thrown = (() => {
      try {
        openStores({ MEMORY_URL: given }).tenant("acme").memory;
      } catch (error) {
        return error as Error;
      }
    })();
    expect(thrown).toMatchObject(refused("invalid"));
    expect(thrown?.message).not.toContain("s3cret");
  });
});

describe("an error", () => {
  const place = parseMongoUrl(`mongodb://me:${secret}@host/facts`);
  const of = (code: number, message = "no") => new MongoServerError({ code, message });
  it.each<[Error, string, RegExp]>([
    [of(18, "Authentication failed."), "denied", /account.*npm run up/],
    [of(13, "not authorized on facts to execute command"), "denied", /facts.*npm run up/],
    [of(50, "operation exceeded time limit"), "timeout", /in time/],
    [new MongoNetworkTimeoutError("timed out"), "timeout", /in time/],
    [new MongoNetworkError("connection closed"), "unavailable", /host:27017.*npm run up/],
    [
      Object.assign(new Error("bulk"), { errorResponse: new MongoNetworkError("closed"), writeErrors: [] }),
      "unavailable",
      /./,
    ],
    [of(91, "shutdown in progress"), "unavailable", /not ready/],
    [of(14_031, "disk"), "full", /room/],
    [of(1, "No space left on device"), "full", /room/],
    [of(2, "what is that"), "failed", /what is that/],
  ])("%s is told as %s", (error, code, words) => {
    const told = toStoreError(error, place);
    expect(told).toMatchObject(refused(code));
    expect(told.message).toMatch(words);
    expect(told.cause).toBe(
      "errorResponse" in error && error.errorResponse instanceof Error ? error.errorResponse : error,
    );
  });
});

describe("a server", () => {
  let silent: Server;
  const sockets: Socket[] = [];
  beforeAll(async () => {
    silent = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const failure = async (url: string) => {
    await using stores = openStores({ MEMORY_URL: url });
    return stores
      .tenant("acme")
      .memory.get("k")
      .catch((error) => error);
  };

  it("that says nothing, or is not there, is told apart", async () => {
    const { port } = silent.address() as AddressInfo;
    expect(await failure(`mongodb://u:${secret}@127.0.0.1:${port}/c?timeout=400`)).toMatchObject(refused("timeout"));
    const gone = "mongodb://127.0.0.1:1/c?timeout=400";
    expect(await failure(gone)).toMatchObject(refused("unavailable"));
    await using fleet = openFleet({ MEMORY_URL: gone });
    expect(await fleet.health()).toMatchObject([
      { role: "memory", ok: false, detail: expect.stringContaining("npm run up") },
    ]);
  });
});

describe("a key's document", () => {
  const fact = (expires: number | null = null): CheckedFact => ({
    ...{
      key: "k",
      agent: null,
      kind: "fact",
      json: "1",
      confidence: null,
      source: null,
      expires,
      words: ["k", "fact"],
    },
  });
  const head = (before: Head | undefined, at: number, expires: number | null = null) =>
    afterPut("acme", before, fact(expires), "me", at).head as Head;

  it("counts changes through a delete, under one life and another id", () => {
    const first = head(undefined, 10);
    const second = head(first, 20);
    const gone = ended(second, "delete", 30, null);
    const third = head(gone, 40);
    expect([first, second, gone, third].map(({ seq, version }) => [seq, version])).toEqual([
      [1, 1],
      [2, 2],
      [3, 2],
      [4, 1],
    ]);
    expect(new Set([first, second, gone, third].map(({ life }) => life)).size).toBe(1);
    expect(new Set([first, second, gone, third].map(({ rev }) => rev)).size).toBe(4);
    expect([second.id, gone.id]).toEqual([first.id, first.id]);
    expect(third.id).not.toBe(first.id);
    expect(changeOf(archived(gone))).toMatchObject({ seq: 3, action: "delete", at: 30, fact: null });
    expect(archived(gone)).toMatchObject({ deleted: 30, ends: 30, version: 2 });
  });

  it("notes with a put that the time of the fact before was over", () => {
    const short = head(undefined, 10, 15);
    const { head: next, expire } = afterPut("acme", short, fact(), null, 20);
    expect(expire).toMatchObject({ seq: 2, action: "expire", at: 15, id: short.id, deleted: 15, actor: null });
    expect(next).toMatchObject({ seq: 3, version: 1, created: 20, life: short.life });
    expect(archived(short)).toMatchObject({ seq: 1, ends: null, deleted: null });
    expect(afterPut("acme", short, fact(), null, 14)).toMatchObject({ expire: null, head: { seq: 2, version: 2 } });
  });
});

const urls = (await servers("memory")).filter(({ app }) => app.startsWith("mongodb:"));

describe.each(urls)("facts that are put together on $product, whose writer is gone", ({ app, fleet }) => {
  class Killed extends Heads {
    readonly #at: "telling" | "commit" | "finish";
    constructor(mongo: Mongo, at: "telling" | "commit" | "finish") {
      super(mongo);
      this.#at = at;
    }
    override async bulk(name: string, writes: readonly object[]): Promise<boolean> {
      if (this.#at !== "telling") return super.bulk(name, writes);
      await super.bulk(name, writes.slice(1));
      throw new Error("killed");
    }
    override commit(id: string): Promise<boolean> {
      return this.#at === "commit" ? Promise.reject(new Error("killed")) : super.commit(id);
    }
    override finish(batch: Batch): Promise<void> {
      return this.#at === "finish" ? Promise.reject(new Error("killed")) : super.finish(batch);
    }
  }

  it.each([
    ["telling", "old"],
    ["commit", "old"],
    ["finish", "new"],
  ] as const)(
    "at %s are all %s to every reader, and hold nobody up for long",
    { timeout: 120_000 },
    async (at, then) => {
      const tenant = `killed-${at}-${process.pid}`;
      const mongo = mongoAt(app);
      await using stores = openStores({ MEMORY_URL: app });
      await using all = openFleet({ MEMORY_URL: fleet });
      const { memory } = stores.tenant(tenant);
      for (const key of ["a", "b"]) await memory.put({ key, value: "old" });
      const facts = checkFacts(["a", "b", "c"].map((key) => ({ key, value: "new" })));
      await expect(mongoBackend(new Killed(mongo, at), tenant).put(facts, null)).rejects.toThrow("killed");
      const values = { a: then, b: then, ...(then === "new" && { c: then }) };
      const found = (await memory.search()).facts.map(({ key, value }) => [key, value]);
      expect(Object.fromEntries(found)).toEqual(values);
      const got = await memory.getMany(["a", "b", "c"]);
      expect(got.map((one) => one?.value)).toEqual(["a", "b", "c"].map((key) => values[key as "a"]));
      const put = await memory.putMany(["c", "a", "b"].map((key) => ({ key, value: "last" })));
      expect(put.map(({ version }) => version)).toEqual(then === "new" ? [2, 3, 3] : [1, 2, 2]);
      for (const key of ["a", "b", "c"]) {
        const history = (await memory.history(key)).map(({ seq, after }) => [seq, after?.value]).reverse();
        const told = [...(key === "c" ? [] : ["old"]), ...(then === "new" ? ["new"] : []), "last"];
        expect(history).toEqual(told.map((value, n) => [n + 1, value]));
      }
      expect((await all.deleteTenant(tenant)).counts.memory).toMatchObject({ facts: 3 });
      await mongo.close();
    },
  );
});
