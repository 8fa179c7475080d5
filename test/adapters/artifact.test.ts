import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { decodePart, encodePath, encodeSegment } from "../../adapters/artifact/file-names.ts";
import { S3Bucket } from "../../adapters/clients/s3.ts";
import { defaultChain } from "../../adapters/clients/s3-credentials.ts";
import { readListing } from "../../adapters/clients/s3-listing.ts";
import { parseS3Url } from "../../adapters/clients/s3-url.ts";
import { openFleet, openStores } from "../../adapters/index.ts";
import { byCodePoint } from "../../adapters/order.ts";
import { answering } from "./http-fixture.ts";

/** How a server answers to the beginning of an upload. */
const UPLOAD =
  "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>b</Key><UploadId>1</UploadId></InitiateMultipartUploadResult>";
const root = mkdtempSync(join(tmpdir(), "agent-stores-artifact-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function inFolder(name: string) {
  const folder = join(root, name);
  mkdirSync(folder);
  const env = { ARTIFACT_URL: `file://${folder}` };
  const { artifact } = openStores(env).tenant("acme");
  return { folder: join(folder, "acme"), root: folder, artifact, fleet: openFleet(env).artifact };
}

describe("names in folders", () => {
  it("spell what file systems refuse, and come back", () => {
    expect(encodePath('a/con/b:"?')).toEqual(["a", "%63on", "b%3A%22%3F"]);
    expect(encodePath("nul.txt/x./y ")).toEqual(["%6Eul.txt", "x%2E", "y%20"]);
    for (const segment of [":".repeat(200), "%".repeat(200), "é:".repeat(66), "🚲".repeat(50), "AUX", "..x"]) {
      const parts = encodeSegment(segment);
      for (const part of parts) expect(Buffer.byteLength(part)).toBeLessThan(250);
      expect(parts.map((part) => decodePart(part).text).join("")).toBe(segment);
      expect(parts.map((part) => decodePart(part).goesOn)).toEqual(parts.map((_, i) => i < parts.length - 1));
    }
  });

  it("are in code-point order", () => {
    const given = ["🚲", "\uffee", "a/b", "a!b", "a", "é", ""];
    const bytes = given.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    expect(given.toSorted(byCodePoint)).toEqual(bytes);
  });
});

describe("a folder", () => {
  it("is not left through links", async () => {
    const { folder, root, artifact } = await inFolder("links");
    await artifact.put("real/a", "x");
    mkdirSync(join(root, "outside"));
    writeFileSync(join(root, "outside", "secret"), "secret");
    symlinkSync(join(root, "outside"), join(folder, "files", "way"));
    symlinkSync(join(root, "outside", "secret"), join(folder, "files", "file"));
    for (const path of ["way/secret", "file"]) {
      await expect(artifact.get(path), path).rejects.toMatchObject({ code: "denied" });
      await expect(artifact.stat(path), path).rejects.toMatchObject({ code: "denied" });
    }
    await expect(artifact.put("way/new", "y")).rejects.toMatchObject({ code: "denied" });
    await expect(artifact.delete("way/secret")).rejects.toMatchObject({ code: "denied" });
    expect(existsSync(join(root, "outside", "new"))).toBe(false);
    const listed = [];
    for await (const { path } of artifact.list()) listed.push(path);
    expect(listed).toEqual(["real/a"]);
  });

  it("is repaired: hashes come back, and what belongs to nothing goes", async () => {
    const { folder, artifact, fleet } = await inFolder("repair");
    const metadata = { kind: "x" };
    for (const path of ["cut", "touched", "gone", "whole"]) await artifact.put(path, path, { run: "r", metadata });
    rmSync(join(folder, "meta", "cut%json"));
    rmSync(join(folder, "files", "gone"));
    utimesSync(join(folder, "files", "touched"), 1, 1); // as after a copy that keeps no times
    writeFileSync(join(folder, "uploads", "left"), "half");
    expect([(await artifact.stat("cut"))?.sha256, (await artifact.stat("touched"))?.run]).toEqual([null, null]);
    expect(await fleet.repair()).toEqual({ adopted: 1, removed: 0, indexed: 0 }); // the rest is too young
    expect(await artifact.stat("touched")).toMatchObject({ run: "r", metadata });
    const { adopted, removed } = await fleet.repair({ olderThanMs: 0 });
    expect(adopted).toBe(1);
    expect(removed).toBeGreaterThanOrEqual(3);
    expect((await artifact.stat("cut"))?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(await artifact.stat("whole")).toMatchObject({ run: "r", metadata });
    expect(await fleet.repair({ olderThanMs: 0 })).toEqual({ adopted: 0, removed: 0, indexed: 0 });
    expect(await artifact.deleteByRun("r")).toEqual({ deleted: 2 });
  });

  it("can be copied, and says when a content was changed", async () => {
    const { root: from, artifact } = await inFolder("copied");
    const made = await artifact.put("a", "content", { run: "r", metadata: { kept: true } });
    cpSync(from, join(root, "copy"), { recursive: true, preserveTimestamps: true });
    const copy = openStores({ ARTIFACT_URL: `file://${join(root, "copy")}` }).tenant("acme").artifact;
    await copy.adopt("a");
    expect(await copy.stat("a")).toMatchObject({ sha256: made.sha256, run: "r", metadata: { kept: true } });
    const at = join(from, "acme", "files", "a");
    const seconds = made.modifiedAt.getTime() / 1000;
    writeFileSync(at, "changed");
    utimesSync(at, seconds, seconds);
    expect((await artifact.stat("a"))?.sha256).toBeNull();
    expect(await artifact.text("a")).toBe("changed");
  });
});

describe("an S3 server's words", () => {
  it("are read as it wrote them", () => {
    const entry = (key: string) =>
      `<Contents><Key>${key}</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&#34;e&#34;</ETag><Size>7</Size></Contents>`;
    const keys = (xml: string) => readListing(xml).objects.map(({ key }) => key);
    expect(keys(`<R><EncodingType>url</EncodingType>${entry("a+b%2Bc%20")}</R>`)).toEqual(["a b+c "]);
    expect(keys(`<R>${entry("a+b%20 ")}${entry("x &amp; &lt;&#x1F6B2;")}</R>`)).toEqual(["a+b%20 ", "x & <🚲"]);
    const page = readListing(
      `<R><IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;1</NextContinuationToken>${entry("k")}<CommonPrefixes><Prefix>f/</Prefix></CommonPrefixes></R>`,
    );
    expect(page).toMatchObject({ next: "t&1", folders: ["f/"], objects: [{ etag: "e", size: 7 }] });
  });

  it("are found by a URL that shows its secret to nobody", () => {
    expect(parseS3Url("s3://key:se%2Fcret@[::1]:9000/agent-artifacts?tls=false&nested=false")).toMatchObject({
      host: "::1",
      port: 9000,
      secretKey: "se/cret",
      tls: false,
      nested: false,
      region: "us-east-1",
    });
    for (const bad of [
      "s3://key:CanaryOne@host",
      "s3://key@h/bucket",
      "s3://k:CanaryOne@h/bucket?style=neither",
      "s3://k:CanaryOne@h/b-1?tls=maybe",
      "s3://k:CanaryOne@h:x/b",
      "s3://k:CanaryOne@h/b-1?stile=path",
      "s3://k:CanaryOne@h/b-1?sse=yes",
      "s3://k:CanaryOne@h/b-1?sse=AES256&kmsKey=one",
      "s3://h/b-1?sessionToken=CanaryOne",
    ]) {
      let said = "";
      try {
        parseS3Url(bad);
      } catch (error) {
        said = `${(error as { code: string }).code} ${error}`;
      }
      expect(said, bad).toMatch(/^invalid/);
      expect(said).not.toContain("Canary");
    }
  });

  it("are told how to encrypt, and as whom for a while, with everything that is written", async () => {
    const server = await answering();
    server.says((path) => ({ status: 200, type: "application/xml", body: path.includes("uploads") ? UPLOAD : "" }));
    const at = (query: string) => `s3://id:key@127.0.0.1:${server.port}/bucket?tls=false&nested=false&${query}`;
    const kms = new S3Bucket(at("sse=aws:kms&kmsKey=arn%3Aone&sessionToken=a%2Bb"));
    await kms.put("a", "content", "text/plain");
    await kms.begin("b", "text/plain");
    const plain = new S3Bucket(at("sse=AES256"));
    await plain.put("a", "content", "text/plain");
    const [put, begun, other] = server.asked.map(({ headers }) => headers);
    for (const headers of [put, begun])
      expect(headers).toMatchObject({
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "arn:one",
        "x-amz-security-token": "a+b",
      });
    expect(other).toMatchObject({ "x-amz-server-side-encryption": "AES256" });
    expect(Object.keys(other ?? {})).not.toContain("x-amz-security-token");
    for (const bucket of [kms, plain]) bucket.close();
    server.close();
  });

  it("are asked with AWS' default chain when the URL names no account", async () => {
    expect(parseS3Url("s3://h/bucket?style=virtual")).toMatchObject({ accessKey: "", style: "virtual", port: 443 });
    const environment = {
      ...{ AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "key", AWS_SESSION_TOKEN: "token", AWS_PROFILE: "" },
      ...{ AWS_EC2_METADATA_DISABLED: "true", AWS_CONFIG_FILE: "/none", AWS_SHARED_CREDENTIALS_FILE: "/none" },
    };
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    const found = await (await defaultChain()).getCredentials();
    expect([found.getAccessKey(), found.getSecretKey(), found.getSessionToken()]).toEqual(["id", "key", "token"]);
    vi.stubEnv("AWS_ACCESS_KEY_ID", undefined);
    const store = openStores({ ARTIFACT_URL: "s3://127.0.0.1:1/bucket?tls=false" });
    await expect(store.tenant("acme").artifact.text("a")).rejects.toMatchObject({
      code: "denied",
      mend: expect.stringContaining("AWS_ACCESS_KEY_ID"),
    });
    await store.close();
    vi.unstubAllEnvs();
  });
});
