import { generateKeyPairSync } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { parseAzblobUrl } from "../../adapters/clients/azblob-url.ts";
import type { Bucket, BucketObject } from "../../adapters/clients/bucket.ts";
import { openBucket } from "../../adapters/clients/buckets.ts";
import { parseGsUrl } from "../../adapters/clients/gs-url.ts";
import { inOrder } from "../../adapters/clients/listed-order.ts";
import { openStores } from "../../adapters/index.ts";
import { byCodePoint } from "../../adapters/order.ts";
import managed from "../../adapters/prepare/managed-bucket.ts";
import { answering, freePort } from "./http-fixture.ts";

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const KEY = "Q2FuYXJ5T25l";
const azblob = (port: number, rest = "") =>
  `azblob://account:${KEY}@127.0.0.1:${port}/bucket?tls=false&style=path${rest}`;
const gs = (port: number, rest = "") =>
  `gs://lab%40example.com:${encodeURIComponent(privateKey)}@bucket?endpoint=http://127.0.0.1:${port}${rest}`;
const CLOUDS = { azblob, gs };

afterEach(() => vi.unstubAllEnvs());

const faultOf = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error("it worked");
    },
    (error: unknown) => error as Error & { code: string },
  );

describe("a cloud's bucket", () => {
  it("is named by a URL that shows its secret to nobody", () => {
    expect(parseAzblobUrl("azblob://acc1:a%2Fb%3D%3D@acc1.blob.core.windows.net/agent-artifacts")).toMatchObject({
      ...{ host: "acc1.blob.core.windows.net", port: 443, tls: true, account: "acc1", key: "a/b==" },
      ...{ bucket: "agent-artifacts", style: "virtual", timeout: 30_000 },
    });
    expect(parseAzblobUrl("azblob://acc1.blob.core.windows.net/bucket?sasToken=%3Fsv%3D1%26sig%3Dx")).toMatchObject({
      ...{ account: "acc1", key: "", sasToken: "sv=1&sig=x" },
    });
    expect(parseGsUrl("gs://agent_artifacts.example.com?timeout=500")).toMatchObject({
      ...{ bucket: "agent_artifacts.example.com", email: "", timeout: 500 },
    });
    expect(parseGsUrl(gs(1))).toMatchObject({ bucket: "bucket", email: "lab@example.com", key: privateKey });
    const bad = [
      ...["azblob://acc1:CanaryOne@h", "azblob://acc1:CanaryOne@h/b", "azblob://acc1:CanaryOne@h/a--b"],
      ...["azblob://A:CanaryOne@h/bucket", "azblob://acc1:CanaryOne@h/bucket?stile=path"],
      ...["azblob://acc1:CanaryOne@h/bucket?sasToken=x", "azblob://h/bucket?style=path&sasToken=CanaryOne"],
      ...["gs://a:CanaryOne@bucket", "gs://:CanaryOne@bucket", "gs://a:CanaryOne@bucket/path", "gs://bucket:1"],
      ...["gs://bucket?endpoint=ftp://CanaryOne", "gs://bucket?end=CanaryOne", "gs://bucket?timeout=soon"],
    ];
    for (const url of bad) {
      let said = "";
      try {
        openBucket(url);
      } catch (error) {
        said = `${(error as { code: string }).code} ${error}`;
      }
      expect(said, url).toMatch(/^invalid/);
      expect(said).not.toContain("Canary");
    }
  });

  it.each(Object.entries(CLOUDS))(
    "that is gone or silent is said to be, in time, and found again: %s",
    async (_, at) => {
      const port = await freePort();
      const bucket = openBucket(at(port, "&timeout=300"));
      expect(await faultOf(bucket.head("a"))).toMatchObject({ code: "unavailable" });
      const silent = createServer(() => {});
      await new Promise<void>((resolve) => silent.listen(port, "127.0.0.1", resolve));
      const started = performance.now();
      const asks = [() => bucket.put("a", "x", "text/plain"), () => bucket.health(), () => bucket.text("a")];
      for (const ask of asks) expect(await faultOf(ask())).toMatchObject({ code: "timeout" });
      expect(performance.now() - started).toBeLessThan(3_000);
      silent.closeAllConnections();
      await new Promise((resolve) => silent.close(resolve));
      const again = createServer((_, response) => void response.writeHead(404).end());
      await new Promise<void>((resolve) => again.listen(port, "127.0.0.1", resolve));
      expect(await bucket.head("a")).toBeUndefined();
      bucket.close();
      again.close();
    },
  );

  it.each(Object.entries(CLOUDS))("is asked once, and its refusals say what to do: %s", async (name, at) => {
    const server = await answering();
    const bucket = openBucket(at(server.port));
    const refused: [number, string][] = [
      [403, "denied"],
      [401, "denied"],
      [503, "unavailable"],
      [500, "unavailable"],
      [429, "unavailable"],
      [400, "failed"],
      [507, "full"],
    ];
    for (const [status, code] of refused) {
      server.says({ status, body: "" });
      const error = await faultOf(bucket.put("a", "x", "text/plain"));
      expect([error.code, server.asked.length], `${status}`).toEqual([code, 1]);
      expect(`${error}`).not.toMatch(new RegExp(`${KEY}|PRIVATE`));
    }
    const none = '<?xml version="1.0"?><Error><Code>ContainerNotFound</Code><Message>none</Message></Error>';
    server.says({ status: 404, ...(name === "gs" ? { body: "" } : { body: none, type: "application/xml" }) });
    expect(await faultOf(bucket.put("a", "x", "text/plain"))).toMatchObject({ code: "unprepared" });
    bucket.close();
    server.close();
  });

  it.each(Object.entries(CLOUDS))("that stops in the middle of a content ends the reading: %s", async (_, at) => {
    for (const [code, stop] of [
      ["timeout", () => {}],
      ["unavailable", (response: ServerResponse) => void response.socket?.resetAndDestroy()],
    ] as const) {
      const server = createServer((_, response) => {
        response.writeHead(200, { "content-length": "1000", etag: '"1"', "x-goog-generation": "1" });
        response.write("half of it", () => setTimeout(() => stop(response), 50));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const bucket = openBucket(at((server.address() as AddressInfo).port, "&timeout=300"));
      const got = await bucket.get("a");
      let read = "";
      const error = await faultOf(
        (async () => {
          for await (const chunk of got?.body ?? []) read += Buffer.from(chunk).toString();
        })(),
      );
      expect([read, bucket.explain(error).code]).toEqual(["half of it", code]);
      bucket.close();
      server.closeAllConnections();
      server.close();
    }
  });

  it("is opened with what the cloud's own chain finds, and says so where that is nothing", async () => {
    for (const name of ["AZURE_STORAGE_CONNECTION_STRING", "GOOGLE_APPLICATION_CREDENTIALS"]) vi.stubEnv(name, "/none");
    vi.stubEnv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential");
    for (const name of ["AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"]) vi.stubEnv(name, undefined);
    const urls = {
      "az login": "azblob://account.blob.localhost:1/bucket",
      "gcloud auth": "gs://bucket?endpoint=https://127.0.0.1:1",
    };
    for (const [mend, url] of Object.entries(urls)) {
      const stores = openStores({ ARTIFACT_URL: url });
      const error = await faultOf(stores.tenant("acme").artifact.text("a"));
      expect(error).toMatchObject({ code: "denied", mend: expect.stringContaining(mend) });
      await stores.close();
    }
  });
});

describe("a cloud's bucket that is prepared", () => {
  const prepared = (url: string) => managed.prepare({ admin: url, owner: url, fleet: url, app: url }, { frozen: [] });

  it("is refused where it keeps folders", async () => {
    const server = await answering();
    server.says({ status: 200, body: '{"hierarchicalNamespace":{"enabled":true}}' });
    expect(await faultOf(prepared(gs(server.port)))).toMatchObject({ code: "unsupported" });
    server.close();
  });

  it("is one bucket in all URLs, and not made by whoever may not look at it", async () => {
    const server = await answering();
    const url = gs(server.port);
    const urls = { admin: url.replace("@bucket", "@another"), owner: url, fleet: url, app: url };
    expect(await faultOf(managed.prepare(urls, { frozen: [] }))).toMatchObject({ code: "invalid" });
    server.says({ status: 403, body: "" });
    expect(await faultOf(prepared(url))).toMatchObject({ code: "denied" });
    expect(server.asked.length).toBe(1);
    server.close();
  });
});

describe("Azure Blob Storage", () => {
  const listing = '<?xml version="1.0"?><EnumerationResults><Blobs/><NextMarker/></EnumerationResults>';

  it("takes the account's key or signature out of the connection string of its own tools", async () => {
    const server = await answering();
    const url = `azblob://account@127.0.0.1:${server.port}/bucket?tls=false&style=path`;
    const ask = async (said: string) => {
      vi.stubEnv("AZURE_STORAGE_CONNECTION_STRING", said);
      const bucket = openBucket(url);
      server.says({ status: 200, type: "application/xml", body: listing });
      await bucket.health();
      bucket.close();
      return { bucket, asked: server.asked[0] };
    };
    const key = await ask(`DefaultEndpointsProtocol=https;AccountName=account;AccountKey=${KEY};EndpointSuffix=x`);
    expect(key.asked?.headers.authorization).toMatch(/^SharedKey account:/);
    const signature = await ask("AccountName=account;SharedAccessSignature=sv=2025-01-05&sig=abc");
    expect(signature.asked?.path).toContain("sig=abc");
    expect(signature.asked?.headers.authorization).toBeUndefined();
    const { artifact } = openStores({ ARTIFACT_URL: url }).tenant("acme");
    expect([artifact.can.presign, artifact.why.presign]).toEqual([false, expect.stringContaining("signature")]);
    expect(await faultOf(artifact.presign("a", "get"))).toMatchObject({ code: "unsupported" });
    server.close();
  });

  it("refuses a path of more segments than it takes before anything is sent", async () => {
    const server = await answering();
    const { artifact } = openStores({ ARTIFACT_URL: azblob(server.port) }).tenant("acme");
    const path = `${"a/".repeat(250)}a`;
    expect(await faultOf(artifact.put(path, "x"))).toMatchObject({ code: "invalid" });
    expect(await faultOf(artifact.presign(path, "put"))).toMatchObject({ code: "invalid" });
    expect(server.asked).toEqual([]);
    server.close();
  });

  it("says that another writer came between the parts of an upload", async () => {
    const server = await answering();
    const body = '<?xml version="1.0"?><Error><Code>InvalidBlockList</Code><Message>gone</Message></Error>';
    server.says((path) =>
      path.includes("blocklist") ? { status: 400, type: "application/xml", body } : { status: 201, body: "" },
    );
    const bucket = openBucket(azblob(server.port));
    const id = await bucket.begin("a", "text/plain");
    const part = await bucket.part("a", id, 1, Buffer.from("x"), true);
    expect(await faultOf(bucket.complete("a", id, [part]))).toMatchObject({ code: "conflict" });
    bucket.close();
    server.close();
  });

  it("lists in code-point order, whichever the server's is, and holds back only what may change places", async () => {
    const keys = ["a", "b\uffee", "b\uffee/x", "b🚲", "b🚲\uffee", "b🚲🚲", "c", "é", "\ue000", "🚲", "🚲a"];
    const given = (sorted: string[]) =>
      (async function* (): AsyncGenerator<BucketObject> {
        for (const key of sorted) yield { key, size: 0, etag: "", modifiedAt: new Date(0) };
      })();
    for (const sorted of [keys.toSorted(), keys.toSorted(byCodePoint)]) {
      const listed: string[] = [];
      for await (const { key } of inOrder(given(sorted))) listed.push(key);
      expect(listed).toEqual(keys.toSorted(byCodePoint));
    }
  });
});

describe("Google Cloud Storage", () => {
  /** A server that keeps at most so many bytes of each piece, in steps as the real one. */
  async function keeping(most: number) {
    const pieces: string[] = [];
    let kept = 0;
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      if (request.method === "POST")
        return void response.writeHead(200, { location: "https://elsewhere/up?id=1" }).end("{}");
      const [, begin, end, total] = /^bytes (\d+)-(\d+)\/(.*)$/.exec(String(request.headers["content-range"])) ?? [];
      pieces.push(`${request.url} ${begin}-${end}/${total}`);
      if (Number(begin) !== kept || Buffer.concat(chunks).length !== Number(end) - Number(begin) + 1)
        return void response.writeHead(400).end();
      const whole = kept + Math.min(most, Number(end) + 1 - kept);
      kept = whole;
      if (kept === Number(total)) return void response.end('{"generation":"7"}');
      response.writeHead(308, { range: `bytes=0-${kept - 1}` }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { port: (server.address() as AddressInfo).port, pieces, close: () => server.close() };
  }

  it("is sent again what it did not keep of a piece, and the last piece with the whole size", async () => {
    const server = await keeping(6);
    const bucket: Bucket = openBucket(gs(server.port));
    const id = await bucket.begin("a", "text/plain");
    await bucket.part("a", id, 1, Buffer.alloc(8), false);
    await bucket.part("a", id, 2, Buffer.alloc(7), true);
    expect(server.pieces).toEqual(["/up?id=1 0-7/*", "/up?id=1 6-7/*"]); // nothing is made an object yet
    expect(await bucket.complete("a", id, [])).toBe("7");
    expect(server.pieces.slice(2)).toEqual(["/up?id=1 8-14/15", "/up?id=1 14-14/15"]);
    bucket.close();
    server.close();
  });
});
