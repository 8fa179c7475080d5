import type { BlobServiceClient, ContainerClient, IHttpClient, StoragePipelineOptions } from "@azure/storage-blob";
import type { StoreError } from "../errors.ts";
import { type AzblobSecret, defaultChain, secretOf } from "./azblob-account.ts";
import { isMissing, toAzblobError } from "./azblob-errors.ts";
import { type AzblobPlace, parseAzblobUrl } from "./azblob-url.ts";
import type { Bucket } from "./bucket.ts";
import { send, textOf, transport } from "./http-transport.ts";
import { optional } from "./optional.ts";

const UNSIGNED = "The URL's own credential is a shared access signature, which cannot sign another.";

/** The way to a container of Azure Blob Storage. Connects on first use. Its client signs requests and reads answers; they go out by our transport, since the client knows no limit of silence. */
export class AzblobConnection {
  readonly at: AzblobPlace & Bucket["at"];
  readonly #secret: AzblobSecret;
  readonly #transport;
  #container: Promise<ContainerClient> | undefined;

  constructor(url: string) {
    const place = parseAzblobUrl(url);
    this.#secret = secretOf(place);
    const unsigned = this.#secret.kind === "signature" ? UNSIGNED : undefined;
    // https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    this.at = {
      ...place,
      nested: true,
      listing: "keys",
      segments: 254,
      alone: true,
      unsigned,
      unlisted: "the service drops them a week later",
    };
    this.#transport = transport(place.tls, place.timeout);
  }

  explain(error: unknown): StoreError {
    return toAzblobError(error, this.at);
  }

  /** What is under way ends with an error. */
  close(): void {
    this.#transport.agent.destroy();
  }

  /** Undefined where there is no such blob. */
  async ifThere<T>(work: (container: ContainerClient) => Promise<T>): Promise<T | undefined> {
    return this.ask(async (container) => {
      try {
        return await work(container);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async ask<T>(work: (container: ContainerClient) => Promise<T>): Promise<T> {
    try {
      return await work(await this.#connect());
    } catch (error) {
      throw toAzblobError(error, this.at);
    }
  }

  #connect(): Promise<ContainerClient> {
    this.#container ??= this.#open();
    this.#container.catch(() => {
      this.#container = undefined;
    });
    return this.#container;
  }

  async #open(): Promise<ContainerClient> {
    const client = await load();
    const secret = this.#secret;
    const credential =
      secret.kind === "key"
        ? new client.StorageSharedKeyCredential(this.at.account, secret.key)
        : secret.kind === "signature"
          ? new client.AnonymousCredential()
          : await defaultChain();
    return new client.ContainerClient(this.#address(this.at.bucket), credential, this.#options());
  }

  #address(container: string): string {
    const { tls, host, port, style, account } = this.at;
    const signed = this.#secret.kind === "signature" ? `?${this.#secret.sasToken}` : "";
    const standard = port === (tls ? 443 : 80) ? "" : `:${port}`;
    const shown = host.includes(":") ? `[${host}]` : host;
    return `http${tls ? "s" : ""}://${shown}${standard}/${style === "path" ? `${account}/` : ""}${container}${signed}`;
  }

  /** Nothing is repeated by the client: whoever calls has a patience of its own. */
  #options(): StoragePipelineOptions {
    const httpClient = { sendRequest: (request: SentRequest) => this.#send(request) };
    return { retryOptions: { maxTries: 1 }, httpClient: httpClient as unknown as IHttpClient };
  }

  async #send(request: SentRequest) {
    const { method, url, body, streamResponseStatusCodes: streamed } = request;
    const asked = { method, url: new URL(url), headers: request.headers.toJson(), content: contentOf(body) };
    const answer = await send(this.#transport, asked);
    const status = answer.statusCode ?? 0;
    const headers = { toJson: () => answer.headers };
    if (streamed?.has(status) || (streamed?.has(Infinity) && status < 400))
      return { request, status, headers, readableStreamBody: answer };
    return { request, status, headers, bodyAsText: await textOf(answer) };
  }

  /** The account that a container is of. */
  async service({ credential }: ContainerClient): Promise<BlobServiceClient> {
    return new (await load()).BlobServiceClient(this.#address(""), credential, this.#options());
  }
}

/** What the client wants to be sent. */
interface SentRequest {
  method: string;
  url: string;
  headers: { toJson(): Record<string, string> };
  body?: unknown;
  streamResponseStatusCodes?: Set<number>;
}

export const load = () => optional("azblob", "@azure/storage-blob", () => import("@azure/storage-blob"));

function contentOf(body: unknown): Buffer | string | undefined {
  if (body === undefined || body === null || typeof body === "string" || Buffer.isBuffer(body))
    return body ?? undefined;
  throw new Error("a body that is not in memory");
}
