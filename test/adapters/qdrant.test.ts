import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseQdrantUrl } from "../../adapters/clients/qdrant-url.ts";
import { openFleet, openStores } from "../../adapters/index.ts";
import { refused } from "../contract/expectations.ts";
import { type Answer, answering, freePort } from "./http-fixture.ts";

const KEY = "k3y/with@signs";

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
  let server: Awaited<ReturnType<typeof answering>>;
  const at = (query = "") => `qdrant://:${encodeURIComponent(KEY)}@127.0.0.1:${server.port}/c?tls=false${query}`;
  const failure = async (url: string) => {
    await using stores = openStores({ VECTOR_URL: url });
    return stores
      .tenant("acme")
      .vector.count()
      .catch((error) => error);
  };

  beforeAll(async () => {
    server = await answering();
  });
  afterAll(() => server.close());

  const said = (error: string) => JSON.stringify({ status: { error }, time: 0 });
  it.each<[Answer, string, RegExp]>([
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
    server.says(given);
    const error = await failure(at());
    expect(error).toMatchObject(refused(code));
    expect(error.message).toMatch(words);
    expect(error.message).not.toContain("k3y");
    expect(server.asked[0]?.headers["api-key"]).toBe(KEY);
  });

  it("that says nothing, or is not there, is told apart", async () => {
    server.says({ status: 0, body: "" });
    expect(await failure(at("&timeout=200"))).toMatchObject(refused("timeout"));
    const gone = `qdrant://:k@127.0.0.1:${await freePort()}/c?tls=false`;
    expect(await failure(gone)).toMatchObject(refused("unavailable"));
    await using fleet = openFleet({ VECTOR_URL: gone });
    expect(await fleet.health()).toMatchObject([
      { role: "vector", ok: false, detail: expect.stringContaining("npm run up") },
    ]);
  });
});
