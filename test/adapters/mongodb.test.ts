import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { MongoNetworkError, MongoNetworkTimeoutError, MongoServerError } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toStoreError } from "../../adapters/clients/mongodb-errors.ts";
import { parseMongoUrl } from "../../adapters/clients/mongodb-url.ts";
import { openFleet, openStores } from "../../adapters/index.ts";
import type { CheckedFact } from "../../adapters/memory/backend.ts";
import { afterPut, archived, changeOf, ended, type Head } from "../../adapters/memory/mongodb-documents.ts";
import { refused } from "../contract/expectations.ts";

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
    [of(91, "shutdown in progress"), "unavailable", /not ready/],
    [of(14_031, "disk"), "full", /room/],
    [of(1, "No space left on device"), "full", /room/],
    [of(2, "what is that"), "failed", /what is that/],
  ])("%s is told as %s", (error, code, words) => {
    const told = toStoreError(error, place);
    expect(told).toMatchObject(refused(code));
    expect(told.message).toMatch(words);
    expect(told.cause).toBe(error);
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
