import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseChromaUrl } from "../../adapters/clients/chroma-url.ts";
import { openFleet, openStores } from "../../adapters/index.ts";
import { prepare } from "../../adapters/prepare/index.ts";
import { translated } from "../../adapters/vector/chroma-filter.ts";
import { direction, namesIn, ordered, recordsOf } from "../../adapters/vector/chroma-records.ts";
import { newVersion } from "../../adapters/vector/copies.ts";
import { parseFilter } from "../../adapters/vector/filter.ts";
import { refused } from "../contract/expectations.ts";
import { chunk } from "../contract/vector-fixture.ts";
import { type Answer, answering, freePort } from "./http-fixture.ts";

const TOKEN = "k3y/with@signs";

describe("a URL", () => {
  it("says where a server's tenant is", () => {
    const token = encodeURIComponent(TOKEN);
    expect(parseChromaUrl(`chroma://:${token}@[::1]:7000/agent_vectors?tls=false&timeout=500`)).toEqual({
      ...{ server: "http://[::1]:7000", token: TOKEN, area: "agent_vectors", timeout: 500 },
    });
    expect(parseChromaUrl("chroma://host/abc")).toEqual({
      ...{ server: "https://host:8000", token: "", area: "abc", timeout: 30_000 },
    });
  });

  it.each([
    "chroma://:k@host",
    "chroma://:k@host/a/b",
    "chroma://:k@host/ab",
    "chroma://:k@host/abc?tls=maybe",
    "chroma://:k@host/abc?timeout=soon",
    "chroma://:k@host/abc?tsl=false",
    "chroma://:k%zz@host/abc",
    "chroma:///abc",
  ])("%s is refused, and its token not repeated", (url) => {
    const thrown = (() => {
      try {
        openStores({ VECTOR_URL: url.replace(":k", `:${encodeURIComponent(TOKEN)}`) }).tenant("acme").vector;
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
  const at = (query = "") => `chroma://:${encodeURIComponent(TOKEN)}@127.0.0.1:${server.port}/abc?tls=false${query}`;
  const failure = async (url: string) => {
    await using stores = openStores({ VECTOR_URL: url });
    const { vector } = stores.tenant("acme");
    return vector.count().catch((error) => error);
  };

  beforeAll(async () => {
    server = await answering();
  });
  afterAll(() => server.close());

  const said = (message: string, error = "InternalError") => JSON.stringify({ error, message });
  it.each<[Answer, string, RegExp]>([
    [{ status: 401, body: "who are you", type: "text/plain" }, "denied", /token/],
    [{ status: 413, body: "Payload Too Large", type: "text/plain" }, "invalid", /max_payload_size_bytes/],
    [{ status: 503, body: "<html>", type: "text/html" }, "unavailable", /busy/],
    [{ status: 500, body: said("error returned from database: (code: 13) database or disk is full") }, "full", /room/],
    [{ status: 500, body: said("Failed to apply logs to the metadata segment") }, "failed", /restore a snapshot/],
    [{ status: 500, body: said("something else") }, "failed", /something else/],
    [{ status: 200, body: "<html>", type: "text/html" }, "failed", /./],
  ])("that answers %j is %s", async (given, code, words) => {
    server.says(given);
    const error = await failure(at());
    expect(error).toMatchObject(refused(code));
    expect(error.message).toMatch(words);
    expect(error.message).not.toContain("k3y");
    expect(server.asked[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
    // A tenant is a database of its own: nothing that is asked for it can leave that.
    for (const { path } of server.asked) expect(path).toMatch(/^\/api\/v2\/tenants\/abc\/databases\/acme\.db\//);
  });

  it("that says nothing, or is not there, is told apart", async () => {
    server.says({ status: 0, body: "" });
    expect(await failure(at("&timeout=200"))).toMatchObject(refused("timeout"));
    const gone = `chroma://127.0.0.1:${await freePort()}/abc?tls=false`;
    expect(await failure(gone)).toMatchObject(refused("unavailable"));
    await using fleet = openFleet({ VECTOR_URL: gone });
    expect(await fleet.health()).toMatchObject([
      { role: "vector", ok: false, detail: expect.stringContaining("npm run up") },
    ]);
  });

  it("that was never prepared, or knows no lists, is told what to do", async () => {
    server.says({ status: 404, body: said("Tenant [abc] not found", "NotFoundError") });
    await using fleet = openFleet({ VECTOR_URL: at() });
    expect((await fleet.health())[0]).toMatchObject({ ok: false, detail: expect.stringContaining("npm run migrate") });
    const refusal = { status: 400, body: said("Invalid where clause", "InvalidArgumentError") };
    server.says((path) => (path.endsWith("/get") ? refusal : { status: 200, body: '{"id":"1"}' }));
    const urls = Object.fromEntries(["ADMIN", "OWNER", "FLEET", "APP"].map((name) => [`CHROMA_${name}_URL`, at()]));
    await expect(prepare(urls)).rejects.toMatchObject(refused("unsupported"));
    expect(server.asked.at(-1)?.path).toMatch(/^\/api\/v2\/tenants\/abc\/databases\/trial-[\w-]+$/);
  });
});

describe("records", () => {
  const names = namesIn("acme", "space");
  const of = (metadata: Record<string, number>) => {
    const { vector, ...more } = { ...chunk("a", []), vector: Float32Array.of(3, 4) };
    const copy = { ...more, uri: null, hash: "", version: 1, metadata, vector };
    return recordsOf(names, [copy]).metadatas[0] as { tags: string[] };
  };
  const placesOf = (metadata: Record<string, number>) =>
    Object.keys(of(metadata)).filter((name) => /^n\d/.test(name)).length;
  /** Two keys whose numbers would lie in one place. */
  const together = (() => {
    const seen = new Map<string, string>();
    for (let n = 0; ; n++) {
      const other = seen.get(names.place(`k${n}`));
      if (other) return [other, `k${n}`] as const;
      seen.set(names.place(`k${n}`), `k${n}`);
    }
  })();

  it("keep what names nobody else has, and few names", () => {
    const others = [namesIn("acme", "other"), namesIn("other", "space")];
    for (const other of others) {
      expect(other.tag.value("a", 1)).not.toBe(names.tag.value("a", 1));
      expect(other.version).not.toBe(names.version);
    }
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, i]));
    expect(of(many).tags).toHaveLength(2);
    expect(of(many).tags).toContain(names.tag.many);
    expect(placesOf({ a: 1, b: 2 })).toBe(2);
    expect(of({ [together[0]]: 1, [together[1]]: 2 }).tags).toContain(names.tag.crowded);
    expect(placesOf({ [together[0]]: 1, [together[1]]: 2 })).toBe(0);
  });

  it("order numbers as numbers are", () => {
    const numbers = [-1e308, -2.5, -5e-324, 0, 5e-324, 1, 1.5, 2 ** 53, 1e21, 1.7e308];
    const texts = numbers.map((one) => BigInt(JSON.stringify(ordered(one))));
    expect(texts).toEqual([...texts].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(texts).size).toBe(numbers.length);
    expect(JSON.stringify(ordered(-0))).toBe(JSON.stringify(ordered(0)));
  });

  it("keep a vector of length 1 as it is, and scale others", () => {
    const unit = Float32Array.of(0.6, 0.8);
    expect(direction(unit)).toBe(unit);
    expect([...direction(Float32Array.of(3e14, 4e14))]).toEqual([...Float32Array.of(0.6, 0.8)]);
    expect([...direction(Float32Array.of(0, 0))]).toEqual([0, 0]);
  });

  it("are asked with few levels, and not at all where that would be slower", () => {
    const { where } = translated(names, parseFilter({ a: { in: Array.from({ length: 1_000 }, (_, i) => i) } }));
    const depth = (value: unknown): number =>
      typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0;
    expect(depth(where)).toBeLessThan(10);
    const long = { or: ["a", "b"].map((key) => ({ [key]: { in: Array.from({ length: 1_000 }, (_, i) => i) } })) };
    expect(translated(names, parseFilter(long)).where).toBeUndefined();
  });
});

it("a version is newer than all that were seen, and than the last", () => {
  const first = newVersion([]);
  const far = first + 1e9;
  expect(newVersion([far, first])).toBeGreaterThan(far);
  expect(newVersion([])).toBeGreaterThan(far);
  expect(Number.isSafeInteger(first)).toBe(true);
});
