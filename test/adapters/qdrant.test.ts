import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseQdrantUrl } from "../../adapters/clients/qdrant-url.ts";
import { openFleet, openStores } from "../../adapters/index.ts";
import { refused } from "../contract/expectations.ts";

const KEY = "k3y/with@signs";

/** A port that nothing listens at. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("a URL", () => {
  it("says where a collection is", () => {
    expect(
      parseQdrantUrl(`qdrant://:${encodeURIComponent(KEY)}@[::1]:7000/agent_vectors?tls=false&timeout=500`),
    ).toEqual({
      ...{ server: "http://[::1]:7000", key: KEY, collection: "agent_vectors", timeout: 500 },
    });
    expect(parseQdrantUrl("qdrant://host/c")).toEqual({
      ...{ server: "https://host:6333", key: "", collection: "c", timeout: 30_000 },
    });
  });

  it.each([
    "qdrant://:k@host",
    "qdrant://:k@host/a/b",
    "qdrant://:k@host/c?tls=maybe",
    "qdrant://:k@host/c?timeout=soon",
    "qdrant://:k@host/c?tsl=false",
    "qdrant://:k%zz@host/c",
    "qdrant:///c",
  ])("%s is refused, and its key not repeated", (url) => {
    const secret = url.replace(":k", `:${encodeURIComponent(KEY)}`);
    const thrown = (() => {
      try {
        openStores({ VECTOR_URL: secret }).tenant("acme").vector;
      } catch (error) {
        return error as Error;
      }
    })();
    expect(thrown).toMatchObject(refused("invalid"));
    expect(thrown?.message).not.toContain("k3y");
  });
});

describe("a server", () => {
  let server: Server;
  let answer: { status: number; body: string; type?: string } = { status: 200, body: "{}" };
  const at = (query = "") =>
    `qdrant://:${encodeURIComponent(KEY)}@127.0.0.1:${(server.address() as AddressInfo).port}/c?tls=false${query}`;
  const failure = async (url: string) => {
    await using stores = openStores({ VECTOR_URL: url });
    return stores
      .tenant("acme")
      .vector.count()
      .catch((error) => error);
  };
  let keys: (string | undefined)[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      keys.push(request.headers["api-key"] as string | undefined);
      if (answer.status === 0) return;
      response.writeHead(answer.status, { "content-type": answer.type ?? "application/json" }).end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => server.close());

  const said = (error: string) => JSON.stringify({ status: { error }, time: 0 });
  it.each<[typeof answer, string, RegExp]>([
    [{ status: 401, body: "Invalid API key or JWT", type: "text/plain" }, "denied", /API key.*npm run up/s],
    [
      { status: 404, body: said("Not found: Collection `c` doesn't exist!") },
      "unprepared",
      /collection c.*npm run migrate/s,
    ],
    [{ status: 413, body: said("Payload error") }, "invalid", /size/],
    [{ status: 503, body: said("shutting down") }, "unavailable", /busy/],
    [{ status: 500, body: said("No space left on device") }, "full", /room/],
    [{ status: 500, body: said("Service internal error") }, "failed", /Service internal error/],
    [{ status: 200, body: "<html>", type: "text/html" }, "failed", /./],
  ])("that answers %j is %s", async (given, code, words) => {
    answer = given;
    keys = [];
    const error = await failure(at());
    expect(error).toMatchObject(refused(code));
    expect(error.message).toMatch(words);
    expect(error.message).not.toContain("k3y");
    expect(keys[0]).toBe(KEY);
  });

  it("that says nothing, or is not there, is told apart", async () => {
    answer = { status: 0, body: "" };
    expect(await failure(at("&timeout=200"))).toMatchObject(refused("timeout"));
    const gone = `qdrant://:k@127.0.0.1:${await freePort()}/c?tls=false`;
    expect(await failure(gone)).toMatchObject(refused("unavailable"));
    await using fleet = openFleet({ VECTOR_URL: gone });
    expect(await fleet.health()).toMatchObject([
      { role: "vector", ok: false, detail: expect.stringContaining("npm run up") },
    ]);
  });
});
