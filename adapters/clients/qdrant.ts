import { setTimeout as sleep } from "node:timers/promises";
import type { QdrantClient, Schemas } from "@qdrant/js-client-rest";
import { optional } from "./optional.ts";
import { toStoreError } from "./qdrant-errors.ts";
import { parseQdrantUrl, type QdrantPlace } from "./qdrant-url.ts";
import { underWay } from "./under-way.ts";

export type Filter = Schemas["Filter"];
export type Condition = Schemas["Condition"];

/** How long a server that restarts is waited for, in milliseconds. */
const PATIENCE = 5_000;

/** One collection of a server. */
export interface Qdrant {
  readonly place: QdrantPlace;
  /**
   * Runs calls of the official client on the collection. Throws `StoreError`. All that is written through here may be sent again as it is, so where the connection is lost
   * the calls are repeated, for a few seconds.
   */
  run<T>(calls: (client: QdrantClient, collection: string) => Promise<T>): Promise<T>;
  /** Awaits what is under way. */
  close(): Promise<void>;
}

export function qdrantAt(url: string): Qdrant {
  const place = parseQdrantUrl(url);
  let client: Promise<QdrantClient> | undefined;
  let reached = false;
  const work = underWay("qdrant");

  async function attempt<T>(calls: (client: QdrantClient, collection: string) => Promise<T>): Promise<T> {
    for (const deadline = performance.now() + PATIENCE; ; await sleep(100)) {
      try {
        client ??= connect(place);
        const answer = await calls(await client, place.collection);
        reached = true;
        return answer;
      } catch (error) {
        const fault = toStoreError(error, place);
        // Where nothing was ever reached, nothing restarts.
        if (fault.code !== "unavailable" || !reached || performance.now() > deadline) throw fault;
      }
    }
  }

  return {
    place,
    run: (calls) => work.call(() => attempt(calls)),
    close: () => work.drained(),
  };
}

async function connect({ server, key, timeout }: QdrantPlace): Promise<QdrantClient> {
  const { QdrantClient } = await optional("qdrant", "@qdrant/js-client-rest", () => import("@qdrant/js-client-rest"));
  // As a header: given as a key, the client warns of every connection without TLS, also to this machine.
  return new QdrantClient({
    url: server,
    timeout,
    checkCompatibility: false,
    ...(key && { headers: { "api-key": key } }),
  });
}
