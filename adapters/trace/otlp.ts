import { codeOf, isDisconnected } from "../clients/network.ts";
import { underWay } from "../clients/under-way.ts";
import { type Env, readEnv } from "../env.ts";
import { messageOf, StoreError } from "../errors.ts";
import { refuse } from "../input.ts";
import type { Traces } from "./contract.ts";
import { type ResourceSpans, spansOf } from "./otlp-json.ts";
import { type OtlpPlace, parseOtlpUrl } from "./otlp-url.ts";

/** Where a product answers for one trace, and in which part of the answer. */
interface Api {
  title: string;
  trace(id: string): string;
  /** What it answers when it is ready. */
  ready: string;
  spans(answer: Answer): readonly ResourceSpans[] | undefined;
}
interface Answer {
  result?: { resourceSpans?: ResourceSpans[] };
  trace?: { resourceSpans?: ResourceSpans[] };
}

const API: Record<NonNullable<OtlpPlace["query"]>["api"], Api> = {
  jaeger: {
    title: "Jaeger",
    trace: (id) => `/api/v3/traces/${id}`,
    ready: "/api/v3/services",
    spans: ({ result }) => result?.resourceSpans,
  },
  tempo: {
    title: "Tempo",
    trace: (id) => `/api/v2/traces/${id}`,
    ready: "/ready",
    spans: ({ trace }) => trace?.resourceSpans,
  },
};

/**
 * Opens the store of spans that TRACE_URL names; nothing connects before it is asked. Throws `StoreError` code `invalid`.
 * @param env @default the variables of `.env` in the working directory, under those of the process
 */
export function openTraces(env: Env = readEnv(".env")): Traces {
  const url =
    env.TRACE_URL ||
    refuse("trace", "TRACE_URL is not set.", "Start a store of spans: npm run up -- --set trace=jaeger");
  const place = parseOtlpUrl(url);
  const { query } = place;
  const work = underWay("trace");
  const ask = (server: string, path: string, init?: RequestInit) => work.call(() => request(place, server, path, init));

  async function close(): Promise<void> {
    await work.drained();
  }
  return {
    async find(traceId) {
      if (!/^[0-9a-f]{32}$/i.test(traceId)) refuse("trace", "A trace's id is 32 hex digits.", "Take it from a span.");
      if (!query)
        throw new StoreError(
          "unsupported",
          "trace",
          "TRACE_URL does not say where spans are read.",
          "Add it: ?query=http%3A%2F%2Fhost%3A16686&api=jaeger",
        );
      const answer = await ask(query.server, API[query.api].trace(traceId.toLowerCase()));
      if (answer.status === 404) return [];
      return spansOf(API[query.api].spans(readable(await answer.text(), query.server)) ?? []);
    },
    async health() {
      // A message of no spans: taken as any other, and nothing comes of it.
      const headers = { "content-type": "application/x-protobuf" };
      await ask(place.endpoint, "/v1/traces", { method: "POST", headers, body: new Uint8Array() });
      if (!query) return "OTLP";
      await ask(query.server, API[query.api].ready);
      return `OTLP, ${API[query.api].title}`;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function readable(text: string, server: string): Answer {
  try {
    return JSON.parse(text) as Answer;
  } catch (cause) {
    throw new StoreError("failed", "trace", `${hostOf(server)} does not answer in JSON.`, "See what is there.", cause);
  }
}

const hostOf = (server: string) => new URL(server).host;

/** An answer that is good, or says that there is no such trace. Throws `StoreError`. */
async function request(place: OtlpPlace, server: string, path: string, init: RequestInit = {}): Promise<Response> {
  const make = (code: StoreError["code"], what: string, mend: string, cause?: unknown) =>
    new StoreError(code, "trace", what, mend, cause);
  const host = hostOf(server);
  const headers = { accept: "application/json", ...place.headers, ...init.headers };
  const signal = AbortSignal.timeout(place.timeout);
  let answer: Response;
  try {
    answer = await fetch(server + path, { ...init, headers, signal, redirect: "manual" });
  } catch (error) {
    if (signal.aborted)
      throw make("timeout", `${host} did not answer in time.`, "See whether it is overloaded: npm run status", error);
    const cause = (error as { cause?: unknown }).cause ?? error;
    const said = codeOf(cause) || messageOf(cause);
    if (isDisconnected(cause) || /^UND_ERR/.test(codeOf(cause)))
      throw make("unavailable", `No connection to ${host} (${said}).`, "Start it: npm run up", error);
    throw make("failed", `${host}: ${said}.`, "The cause has the details.", error);
  }
  const { status } = answer;
  if (answer.ok || (status === 404 && !init.method)) return answer;
  const text = (await answer.text().catch(() => "")).slice(0, 300);
  if (status === 401 || status === 403)
    throw make("denied", `${host} refuses the login.`, "Give TRACE_URL a good one: otlp://:<token>@…");
  if (status === 404)
    throw make("unprepared", `${host} takes no spans at ${path}.`, "TRACE_URL's path goes before /v1/traces.");
  if (status === 429 || status >= 502) throw make("unavailable", `${host} is busy (${status}).`, "Repeat it later.");
  throw make("failed", `${host} answers ${status}: ${messageOf(text)}.`, "See what it says: npm run logs");
}
