import type { Client } from "minio";
import { StoreError } from "../errors.ts";
import { transport, wasIdle } from "./http-transport.ts";
import { isDisconnected } from "./network.ts";
import { optional } from "./optional.ts";
import { defaultChain } from "./s3-credentials.ts";
import { refusalOf, toS3Error } from "./s3-errors.ts";
import { parseS3Url, type S3Place } from "./s3-url.ts";

/** The way to a server that speaks S3. Connects on first use, and again after the server restarted. */
export class S3Connection {
  readonly at: S3Place;
  readonly #transport;
  #client: Promise<Client> | undefined;

  constructor(url: string) {
    this.at = parseS3Url(url);
    this.#transport = transport(this.at.tls, this.at.timeout, refusalOf);
  }

  /** Runs `work` with the client, a second time where a connection that had been idle turned out to be closed. */
  async ask<T>(work: (client: Client) => Promise<T>, repeatable = true): Promise<T> {
    try {
      const client = await this.#connect();
      try {
        return await work(client);
      } catch (error) {
        if (!repeatable || !isDisconnected(error) || !wasIdle(error)) throw error;
        return await work(client);
      }
    } catch (error) {
      const { cause } = error as Error; // the client's own error around what the source of credentials said
      throw cause instanceof StoreError ? cause : toS3Error(error, this.at);
    }
  }

  /** What is under way ends with an error. */
  close(): void {
    this.#transport.agent.destroy();
  }

  #connect(): Promise<Client> {
    this.#client ??= this.#open();
    this.#client.catch(() => {
      this.#client = undefined;
    });
    return this.#client;
  }

  async #open(): Promise<Client> {
    const { Client } = await optional("s3", "minio", () => import("minio"));
    const { host, port, tls, region, accessKey, secretKey, sessionToken, style } = this.at;
    const account = accessKey
      ? { accessKey, secretKey, ...(sessionToken && { sessionToken }) }
      : { credentialsProvider: (await defaultChain()) as never };
    const { agent, request } = this.#transport;
    return new Client({
      endPoint: host,
      port,
      useSSL: tls,
      region,
      ...account,
      pathStyle: style === "path",
      transport: { request } as never,
      transportAgent: agent,
      retryOptions: { disableRetry: true },
    });
  }
}
