import { createCipheriv, createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { isPlain } from "../input.ts";
import { toS3Error } from "./s3-errors.ts";
import type { S3Place } from "./s3-url.ts";

/** Where a server has it, and whether it wants secrets sealed. RustFS has MinIO's acts at a place of its own. */
const SERVERS = {
  minio: { api: "/minio/admin/v3/", sealed: true },
  rustfs: { api: "/rustfs/admin/v3/", sealed: false },
} as const;
export type AccountServer = keyof typeof SERVERS;

/** What MinIO says of an account. */
export interface MinioUser {
  policyName?: string;
  status?: string;
}

/** MinIO's own interface for accounts, which the S3 protocol has none for. Every call throws `StoreError`. */
export class MinioAdmin {
  readonly #at: S3Place;
  readonly #server: (typeof SERVERS)[AccountServer];

  /** Acts as the account that `at` names. */
  constructor(at: S3Place, server: AccountServer) {
    this.#at = at;
    this.#server = SERVERS[server];
  }

  /** A policy's text; undefined when there is none of that name. */
  policy(name: string): Promise<unknown> {
    return this.#ifThere("info-canned-policy", { name });
  }

  async putPolicy(name: string, policy: object): Promise<void> {
    await this.#ask("PUT", "add-canned-policy", { name }, Buffer.from(JSON.stringify(policy)));
  }

  /** Undefined when there is none. */
  async user(accessKey: string): Promise<MinioUser | undefined> {
    const user = await this.#ifThere("user-info", { accessKey });
    return isPlain(user) ? (user as MinioUser) : undefined;
  }

  /** Makes an account, or gives it this secret key. */
  async putUser(accessKey: string, secretKey: string): Promise<void> {
    const text = Buffer.from(JSON.stringify({ secretKey, status: "enabled" }));
    await this.#ask("PUT", "add-user", { accessKey }, this.#server.sealed ? sealed(this.#at.secretKey, text) : text);
  }

  /** Gives an account the rights of a policy, and no others. */
  async setPolicy(accessKey: string, policyName: string): Promise<void> {
    await this.#ask("PUT", "set-user-or-group-policy", { policyName, userOrGroup: accessKey, isGroup: "false" });
  }

  /** Whether this account may see the server's accounts. */
  async seesUsers(): Promise<boolean> {
    const { status } = await this.#send("GET", "list-users", {});
    return status === 200;
  }

  async #ifThere(act: string, query: Record<string, string>): Promise<unknown> {
    const { status, text } = await this.#send("GET", act, query);
    if (status === 200) return JSON.parse(text);
    if (status === 404) return undefined;
    throw toS3Error(problem(status, text), this.#at);
  }

  async #ask(method: string, act: string, query: Record<string, string>, body?: Buffer): Promise<void> {
    const { status, text } = await this.#send(method, act, query, body);
    if (status !== 200) throw toS3Error(problem(status, text), this.#at);
  }

  async #send(method: string, act: string, query: Record<string, string>, body: Buffer = Buffer.alloc(0)) {
    const { host, port, tls, timeout } = this.#at;
    const path = this.#server.api + act;
    const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    const search = canonicalQuery(query);
    const headers = signed(this.#at, { method, authority, path, search, body });
    const url = `${tls ? "https" : "http"}://${authority}${path}${search && `?${search}`}`;
    try {
      const sent = method === "GET" ? {} : { body: new Uint8Array(body) };
      const response = await fetch(url, { method, headers, ...sent, signal: AbortSignal.timeout(timeout) });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      const cause = (error as Error).cause ?? error;
      throw toS3Error(cause, this.#at);
    }
  }
}

function problem(status: number, text: string): Error & { code: string } {
  try {
    const { Code: code, Message: message } = JSON.parse(text) as { Code?: string; Message?: string };
    return Object.assign(new Error(message ?? `the server answered ${status}`), { code: code ?? `HTTP ${status}` });
  } catch {
    return Object.assign(new Error(`the server answered ${status}`), { code: `HTTP ${status}` });
  }
}

const hex = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
const canonicalQuery = (query: Record<string, string>) =>
  Object.keys(query)
    .sort()
    .map((name) => `${encoded(name)}=${encoded(query[name] ?? "")}`)
    .join("&");

interface Request {
  method: string;
  authority: string;
  path: string;
  search: string;
  body: Buffer;
}

/** The headers of AWS's signature, version 4, as service s3. */
function signed({ accessKey, secretKey, region }: S3Place, { method, authority, path, search, body }: Request) {
  const now = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = now.slice(0, 8);
  const content = hex(body);
  const names = "host;x-amz-content-sha256;x-amz-date";
  const head = `host:${authority}\nx-amz-content-sha256:${content}\nx-amz-date:${now}\n`;
  const request = hex([method, path, search, head, names, content].join("\n"));
  const scope = `${day}/${region}/s3/aws4_request`;
  const key = [day, region, "s3", "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${secretKey}`);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${now}\n${scope}\n${request}`).toString("hex");
  return {
    "x-amz-content-sha256": content,
    "x-amz-date": now,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

const FRAGMENT = 1 << 14;

/**
 * As the server wants secrets: salt (32) · kind (1) · nonce (8) · fragments of 16 KiB under AES-256-GCM, by a key from the administrator's password. The tag of an empty text
 * under counter 0 binds every fragment, and the byte before it marks the last.
 */
function sealed(password: string, data: Buffer): Buffer {
  const salt = randomBytes(32);
  const nonce = randomBytes(8);
  const key = pbkdf2Sync(password, salt, 8_192, 32, "sha256");
  const seal = (counter: number, text: Buffer, bound: Buffer) => {
    const iv = Buffer.concat([nonce, Buffer.alloc(4)]);
    iv.writeUInt32LE(counter, 8);
    const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(bound);
    return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  };
  const bound = Buffer.concat([Buffer.of(0), seal(0, Buffer.alloc(0), Buffer.alloc(0))]);
  const parts = [salt, Buffer.of(2), nonce];
  for (let at = 0, counter = 1; at === 0 || at < data.length; at += FRAGMENT, counter++) {
    if (at + FRAGMENT >= data.length) bound[0] = 0x80;
    parts.push(seal(counter, data.subarray(at, at + FRAGMENT), bound));
  }
  return Buffer.concat(parts);
}
