import type { Attribute, FoundSpan } from "./contract.ts";

// OTLP as JSON, as far as it is read here: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding

interface KeyValue {
  key?: string;
  value?: Value;
}
interface Value {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string | number;
  doubleValue?: number;
  arrayValue?: { values?: Value[] };
}
interface OtlpSpan {
  traceId?: string;
  spanId?: string;
  parentSpanId?: string;
  name?: string;
  startTimeUnixNano?: string | number;
  endTimeUnixNano?: string | number;
  attributes?: KeyValue[];
  status?: { code?: number | string };
}
export interface ResourceSpans {
  resource?: { attributes?: KeyValue[] };
  scopeSpans?: { spans?: OtlpSpan[] }[];
}

/** The spans of an answer, earliest first. */
export function spansOf(all: readonly ResourceSpans[]): FoundSpan[] {
  const spans = all.flatMap(({ resource, scopeSpans = [] }) => {
    const service = String(attributesOf(resource?.attributes)["service.name"] ?? "");
    return scopeSpans.flatMap(({ spans = [] }) => spans.map((span) => found(span, service)));
  });
  return spans.sort((one, other) => one.startedAt.getTime() - other.startedAt.getTime());
}

function found(span: OtlpSpan, service: string): FoundSpan {
  const [start, end] = [BigInt(span.startTimeUnixNano ?? 0), BigInt(span.endTimeUnixNano ?? 0)];
  const parent = hexOf(span.parentSpanId);
  return {
    traceId: hexOf(span.traceId),
    spanId: hexOf(span.spanId),
    // No parent is no field, none in it, or zeros.
    ...(/[^0]/.test(parent) && { parentSpanId: parent }),
    name: span.name ?? "",
    service,
    startedAt: new Date(Number(start / 1_000_000n)),
    milliseconds: Number(end - start) / 1e6,
    attributes: attributesOf(span.attributes),
    status: statusOf(span.status?.code),
  };
}

/** An id is 16 or 32 hex digits in OTLP, and base64 where a server writes it as any other bytes. */
function hexOf(id = ""): string {
  return /^([0-9a-f]{16}){1,2}$/i.test(id) ? id.toLowerCase() : Buffer.from(id, "base64").toString("hex");
}

const attributesOf = (all: readonly KeyValue[] = []): Record<string, Attribute> =>
  Object.fromEntries(all.map(({ key = "", value = {} }) => [key, plain(value)]));

function plain({ stringValue, boolValue, intValue, doubleValue, arrayValue }: Value): Attribute {
  if (intValue !== undefined) return Number(intValue);
  return stringValue ?? boolValue ?? doubleValue ?? arrayValue?.values?.map(plain);
}

function statusOf(code: number | string = 0): FoundSpan["status"] {
  if (code === 2 || code === "STATUS_CODE_ERROR") return "error";
  return code === 1 || code === "STATUS_CODE_OK" ? "ok" : "unset";
}
