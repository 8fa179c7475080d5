/** A span as its store has it. */
export interface FoundSpan {
  /** 32 and 16 lower-case hex digits, as everywhere else. */
  traceId: string;
  spanId: string;
  /** Absent of the first span of a trace. */
  parentSpanId?: string;
  name: string;
  /** `service.name` of the program that sent it; empty when it did not say. */
  service: string;
  startedAt: Date;
  milliseconds: number;
  /** What its conventions say of it. A list is one where its store keeps lists; Jaeger has it as JSON text. */
  attributes: Readonly<Record<string, Attribute>>;
  status: "unset" | "ok" | "error";
}

export type Attribute = string | number | boolean | readonly Attribute[] | undefined;

/**
 * Where spans are kept. The stores send them (`startTracing`); this reads one back, for tests and operators. Spans of every tenant lie together, and what the stores send names the tenant
 * and none of its content.
 */
export interface Traces extends AsyncDisposable {
  /** The spans of a trace that are there by now, earliest first: empty where there are none, or none yet. Throws `unsupported` where the URL says no `?query=`. */
  find(traceId: string): Promise<FoundSpan[]>;
  /** Asks what takes spans, with none, and what answers questions where the URL says it. Resolves to what they are. Throws `StoreError`. */
  health(): Promise<string>;
  /** Awaits what is under way. */
  close(): Promise<void>;
}

export interface TracingOptions {
  /** @default the variables of `.env` in the working directory, under those of the process */
  env?: Readonly<Record<string, string | undefined>>;
  /** The program's name in every trace. @default OTEL_SERVICE_NAME, else `agent-stores` */
  service?: string;
}

/** An SDK that sends the spans of this program. */
export interface Tracing extends AsyncDisposable {
  /** Where they go, as in `http://127.0.0.1:4318`; undefined where TRACE_URL is not set: then there are no spans, and a call costs nothing. */
  readonly endpoint: string | undefined;
  /** Sends what has ended by now. Never throws: a collector that is gone must not break the program that it watches. Takes five seconds at most. */
  flush(): Promise<void>;
  /** Sends what has ended, and registers off. Never throws, and takes five seconds at most. */
  close(): Promise<void>;
}
