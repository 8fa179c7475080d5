import { setTimeout as sleep } from "node:timers/promises";
import { ChromaRefusal, isLocked, isUnapplied, toStoreError } from "./chroma-errors.ts";
import { type ChromaPlace, parseChromaUrl } from "./chroma-url.ts";
import { underWay } from "./under-way.ts";

/*
 * The server's REST interface as it is, by Node's own fetch. The official client (chromadb 3.5) has no limit of time for a call, drops what the network says, takes vectors as lists of numbers only, and brings
 * 53 MB of a server of its own.
 */

/** How long a server that restarts is waited for, in milliseconds. One that is busy is waited for as long as for an answer. */
const PATIENCE = 5_000;
/** How often a write is sent again that the server could not take over from its log; each time, the log grows. */
const TRIES = 3;

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** One tenant of a server. */
export interface Chroma {
  readonly place: ChromaPlace;
  /**
   * Sends a request and resolves to its answer. Throws `StoreError`. All that is written through here may be sent again as it is, so where the connection is lost the request is repeated, for a few
   * seconds.
   *
   * @param path behind `/api/v2`
   */
  send<T>(method: Method, path: string, body?: object): Promise<T>;
  /** The path of this tenant, and of something in it. */
  path(...parts: string[]): string;
  /** Awaits what is under way. */
  close(): Promise<void>;
}

export function chromaAt(url: string): Chroma {
  const place = parseChromaUrl(url);
  let reached = false;
  const work = underWay("chroma");

  async function attempt(method: Method, path: string, body?: string): Promise<unknown> {
    const started = performance.now();
    for (let tries = 1; ; tries++) {
      try {
        const answer = await request(place, method, path, body);
        reached = true;
        return answer;
      } catch (error) {
        const fault = toStoreError(error, place);
        const late = performance.now() - started > (isLocked(error) ? place.timeout : PATIENCE);
        // Where nothing was ever reached, nothing restarts.
        const passing = fault.code === "unavailable" ? reached && !late : isUnapplied(error) && tries < TRIES;
        if (!passing) throw fault;
      }
      await sleep(100);
    }
  }

  return {
    place,
    send: <T>(method: Method, path: string, body?: object) =>
      work.call(() => attempt(method, path, body && JSON.stringify(body)) as Promise<T>),
    path: (...parts) => ["/tenants", place.area, ...parts].join("/"),
    close: () => work.drained(),
  };
}

async function request(
  { server, token, timeout }: ChromaPlace,
  method: Method,
  path: string,
  body?: string,
): Promise<unknown> {
  const answer = await fetch(`${server}/api/v2${path}`, {
    method,
    headers: {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(token && { authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body }),
    signal: AbortSignal.timeout(timeout),
  });
  const text = await answer.text();
  if (!answer.ok) throw new ChromaRefusal(answer.status, saidIn(text) || `status ${answer.status}`);
  return JSON.parse(text);
}

/** The words of a refusal; a proxy's may be a page. */
function saidIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === "string" ? message : text;
  } catch {
    return text;
  }
}
