import type { IncomingMessage } from "node:http";
import type { Storage } from "@google-cloud/storage";
import { StoreError } from "../errors.ts";
import type { Bucket } from "./bucket.ts";
import { GsRefusal, statusOf, toGsError } from "./gs-errors.ts";
import { type GsPlace, parseGsUrl } from "./gs-url.ts";
import { send, textOf, transport } from "./http-transport.ts";
import { optional } from "./optional.ts";

/** A request of the JSON API. */
export interface Sent {
  method?: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  content?: Buffer | string;
  /** Statuses that are no errors. @default those below 300 */
  accept?: (status: number) => boolean;
}

/**
 * The way to a bucket of Google Cloud Storage. The official client has the accounts, their tokens and the signing of URLs; requests of the JSON API go out by our own transport, since the client's repeat
 * themselves and know no limit of silence.
 */
export class GsConnection {
  readonly at: GsPlace & Bucket["at"];
  readonly #transport;
  #client: Promise<Storage> | undefined;

  constructor(url: string) {
    const place = parseGsUrl(url);
    this.at = { ...place, nested: true, listing: "keys", unlisted: "the service drops them a week later" };
    this.#transport = transport(place.endpoint.protocol === "https:", place.timeout);
  }

  explain(error: unknown): StoreError {
    return toGsError(error, this.at);
  }

  /** What is under way ends with an error. */
  close(): void {
    this.#transport.agent.destroy();
  }

  /** Undefined where there is no such object. */
  async ifThere<T>(work: () => Promise<T>): Promise<T | undefined> {
    return this.ask(async () => {
      try {
        return await work();
      } catch (error) {
        if (statusOf(error) === 404 && !/bucket does not exist/.test(String(error))) return undefined;
        throw error;
      }
    });
  }

  async ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toGsError(error, this.at);
    }
  }

  async json<T>(path: string, sent: Sent): Promise<T> {
    return JSON.parse(await textOf(await this.send(path, sent))) as T;
  }

  /** Resolves when the answer begins. */
  async send(
    path: string,
    { method = "GET", query = {}, headers = {}, content, accept }: Sent,
  ): Promise<IncomingMessage> {
    const url = new URL(path, this.at.endpoint);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const asked = { method, url, headers: { ...(await this.#credentials()), ...headers }, content };
    const answer = await send(this.#transport, asked);
    const status = answer.statusCode ?? 0;
    if (accept ? accept(status) : status < 300) return answer;
    throw new GsRefusal(status, await textOf(answer));
  }

  async #credentials(): Promise<Record<string, string>> {
    if (this.at.endpoint.protocol === "http:") return {};
    const { authClient } = await this.connect();
    try {
      return Object.fromEntries(await authClient.getRequestHeaders(this.at.endpoint.href));
    } catch (cause) {
      const mend =
        "Type: gcloud auth application-default login; or set GOOGLE_APPLICATION_CREDENTIALS; or write gs://<e-mail>:<private key>@…";
      const what = this.at.email
        ? `There is no token for account "${this.at.email}".`
        : "Google's default credentials are not found.";
      throw new StoreError("denied", "gs", what, mend, cause);
    }
  }

  /** That of the URL, else of the credentials. */
  async project(): Promise<string> {
    return this.at.project || (await (await this.connect()).authClient.getProjectId());
  }

  connect(): Promise<Storage> {
    this.#client ??= this.#open();
    this.#client.catch(() => {
      this.#client = undefined;
    });
    return this.#client;
  }

  async #open(): Promise<Storage> {
    const { Storage } = await optional("gs", "@google-cloud/storage", () => import("@google-cloud/storage"));
    const { email, key, endpoint, project } = this.at;
    const storage = new Storage({
      ...(project && { projectId: project }),
      ...(endpoint.host !== "storage.googleapis.com" && { apiEndpoint: endpoint.origin }),
      retryOptions: { autoRetry: false, maxRetries: 0 },
    });
    // As its option `credentials` would, which prints a warning; what that names instead does not know whose e-mail signs a URL.
    if (email) storage.authClient.jsonContent = { client_email: email, private_key: key };
    return storage;
  }
}
