import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { compare, readLock, writeLock } from "../scripts/pin/lock.ts";
import { parseReference, RegistryError, readDigest } from "../scripts/pin/registry.ts";

// A registry as the distribution protocol describes it, over real HTTP: one tag is free to read, one wants a token first.

const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const INDEX = "application/vnd.oci.image.index.v1+json";
let server: Server;
let origin: string;
let asked: string[];

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? "", origin);
  asked.push(`${request.method} ${pathname}${request.headers.authorization ? " with a token" : ""}`);
  if (pathname === "/token") {
    const token = `${searchParams.get("service")} ${searchParams.get("scope")}`;
    return void response.end(JSON.stringify({ token: Buffer.from(token).toString("base64url") }));
  }
  const [, repository = "", tag = ""] = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(pathname) ?? [];
  if (repository.startsWith("private/")) return void response.writeHead(401, { "www-authenticate": "Basic" }).end();
  if (repository.startsWith("guarded/")) {
    const wanted = Buffer.from(`registry.test repository:${repository}:pull`).toString("base64url");
    if (request.headers.authorization !== `Bearer ${wanted}`) {
      const challenge = `Bearer realm="${origin}/token",service="registry.test",scope="repository:${repository}:pull"`;
      return void response.writeHead(401, { "www-authenticate": challenge }).end();
    }
  }
  if (tag === "gone") return void response.writeHead(404).end();
  if (tag === "mute") return void response.end();
  // A registry that is not asked for the index serves one platform's image, whose digest is another.
  const type = request.headers.accept?.includes(INDEX) ? "index" : "image";
  response.setHeader("docker-content-digest", digestOf(`${type} ${repository}:${tag}`)).end();
}

const read = (name: string) => readDigest(`registry.test/${name}`, () => origin);

beforeAll(async () => {
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  asked = [];
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

describe("a registry", () => {
  it("is asked once for what is free to read, and answers with the index of all platforms", async () => {
    expect(await read("free/server:1.2")).toBe(digestOf("index free/server:1.2"));
    expect(asked).toEqual(["HEAD /v2/free/server/manifests/1.2"]);
  });

  it("gets the token that it asks for", async () => {
    expect(await read("guarded/a/server:1.2")).toBe(digestOf("index guarded/a/server:1.2"));
    expect(asked).toEqual([
      "HEAD /v2/guarded/a/server/manifests/1.2",
      "GET /token",
      "HEAD /v2/guarded/a/server/manifests/1.2 with a token",
    ]);
  });

  it.each([
    ["free/server:gone", "status 404"],
    ["guarded/server:gone", "status 404"],
    ["free/server:mute", "no digest"],
    ["private/server:1", "it wants a login"],
  ])("that has no digest for %s is quoted", async (name, said) => {
    const fault = await read(name).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(RegistryError);
    expect(fault).toMatchObject({ image: `registry.test/${name}`, registry: "registry.test" });
    expect((fault as RegistryError).message).toContain(said);
  });

  it("that does not answer is named", async () => {
    const fault = await readDigest("registry.test/a/b:1", () => "http://127.0.0.1:1").catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(RegistryError);
    expect((fault as RegistryError).message).toMatch(/ECONNREFUSED|bad port/);
  });

  it("is told apart from the repository and the tag", () => {
    expect(parseReference("docker.io/library/redis:8.10.1")).toEqual({
      registry: "docker.io",
      repository: "library/redis",
      tag: "8.10.1",
    });
    for (const image of ["redis:8", "docker.io/library/redis", `docker.io/library/redis:8@${digestOf("x")}`])
      expect(() => parseReference(image)).toThrow(image);
  });
});

describe("images.lock.json", () => {
  const [one, two] = [digestOf("1"), digestOf("2")];

  it("is compared with what was read", () => {
    const old = { "r/a:1": one, "r/b:1": one, "r/c:1": one };
    expect(compare(old, { "r/d:1": two, "r/a:1": one, "r/b:1": two })).toEqual({
      added: ["r/d:1"],
      moved: [{ image: "r/b:1", from: one, to: two }],
      dropped: ["r/c:1"],
      kept: ["r/a:1"],
    });
  });

  it("is written in one order", () => {
    const folder = mkdtempSync(join(tmpdir(), "agent-stores-pin-"));
    const path = join(folder, "images.lock.json");
    try {
      writeFileSync(path, "{}\n");
      writeLock(path, { "r/b:1": two, "r/a:1": one });
      expect(readFileSync(path, "utf8")).toBe(`{\n  "r/a:1": "${one}",\n  "r/b:1": "${two}"\n}\n`);
      expect(readLock(path)).toEqual({ "r/a:1": one, "r/b:1": two });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
