import { describe, expect, it } from "vitest";
import { type Kafka, kafkaAt, type LogRecord, type Topic } from "../../adapters/clients/kafka.ts";
import { toStoreError } from "../../adapters/clients/kafka-errors.ts";
import { parseKafkaUrl } from "../../adapters/clients/kafka-url.ts";
import { StoreError } from "../../adapters/errors.ts";
import { appending } from "../../adapters/event/kafka-commands.ts";
import { TenantLog } from "../../adapters/event/kafka-log.ts";
import { stateRecords } from "../../adapters/event/kafka-state.ts";

const PLACE = parseKafkaUrl("kafka://agent_core:hidden@127.0.0.1:9092/agent-events?tls=false&timeout=500");
const protocol = (apiId: string) => Object.assign(new Error(apiId), { errors: [{ apiId }] });

/** A cluster of one log, in memory: what a broker does with it, and nothing else. */
function cluster() {
  let topics = 0;
  const log = { id: "", start: 0, records: [] as LogRecord[] };
  const of = ({ id }: Topic) => {
    if (id !== log.id) throw protocol("UNKNOWN_TOPIC_ID");
    return log;
  };
  const put = (value: Buffer) => log.records.push({ offset: log.start + log.records.length, at: 1_000, value });
  const read = (topic: Topic, from: number) => {
    const { start, records } = of(topic);
    if (from < start || from > start + records.length) throw protocol("OFFSET_OUT_OF_RANGE");
    const end = start + records.length;
    return { from, records: records.slice(from - start), next: end, end };
  };
  const kafka = {
    ...kafkaAt("kafka://127.0.0.1:1/agent-events?tls=false&timeout=500"),
    topic: async (name: string) => (log.id ? { name, id: log.id, leader: "" } : undefined),
    async create() {
      Object.assign(log, { id: `topic-${++topics}`, start: 0, records: [] });
    },
    start: async (topic: Topic) => of(topic).start,
    async forget(topic: Topic, before: number) {
      of(topic).records.splice(0, before - log.start);
      log.start = before;
    },
    async append(topic: Topic, values: readonly Buffer[], from: number) {
      of(topic);
      for (const value of values) put(value);
      return read(topic, from);
    },
    read: async (topic: Topic, from: number) => read(topic, from),
  } satisfies Kafka;
  return { kafka, log, put, remove: () => Object.assign(log, { id: "" }) };
}

const event = (n: number, id: string | null = null) => ({ type: "happened", json: JSON.stringify({ n }), id });
const append = (log: TenantLog, ...events: ReturnType<typeof event>[]) => log.act(appending("one", events, undefined));

describe("a tenant's log", () => {
  it("means the same to everybody, whoever wrote it", async () => {
    const { kafka } = cluster();
    const [a, b] = [new TenantLog(kafka, "acme"), new TenantLog(kafka, "acme")];
    expect(await append(a, event(1), event(2, "x"))).toEqual({ outcome: "appended", version: 2 });
    expect(await append(b, event(3), event(2, "x"))).toEqual({ outcome: "repeated", version: 2 });
    expect(await b.act(appending("one", [event(3)], 1))).toEqual({ outcome: "conflict", version: 2 });
    expect(await append(a, event(4))).toEqual({ outcome: "appended", version: 3 });
    const found = (await b.current()).read("one", 0, 10, false);
    expect((await b.contents(found)).map(({ version, data }) => [version, data])).toEqual([
      [1, { n: 1 }],
      [2, { n: 2 }],
      [3, { n: 4 }],
    ]);
  });

  it("passes over what nobody of us wrote, and goes no further than it understands", async () => {
    const { kafka, put } = cluster();
    const log = new TenantLog(kafka, "acme");
    await append(log, event(1));
    for (const text of ["", "{", "[]", '{"do":7}', "null"]) put(Buffer.from(text));
    expect(await append(log, event(2))).toEqual({ outcome: "appended", version: 2 });
    put(Buffer.from('{"do":"divide"}'));
    for (const _ of [1, 2]) await expect(log.current()).rejects.toMatchObject({ code: "unsupported" });
  });

  it("tells what came of an act whose answer was lost", async () => {
    const { kafka, put } = cluster();
    await append(new TenantLog(kafka, "acme"), event(1));
    const lost = (written: boolean): Kafka => ({
      ...kafka,
      async append(_, values) {
        for (const value of written ? values : []) put(value);
        throw new StoreError("unavailable", "kafka", "Gone.", "Repeat.");
      },
    });
    expect(await append(new TenantLog(lost(true), "acme"), event(2))).toEqual({ outcome: "appended", version: 2 });
    await expect(append(new TenantLog(lost(false), "acme"), event(3))).rejects.toMatchObject({ code: "unavailable" });
  });

  it("begins again where it was removed and made anew", async () => {
    const { kafka, remove } = cluster();
    const [a, b] = [new TenantLog(kafka, "acme"), new TenantLog(kafka, "acme")];
    for (const n of [1, 2, 3]) await append(a, event(n));
    expect((await b.current()).of("one").head).toBe(3);
    remove();
    expect((await b.current()).streams.size).toBe(0);
    for (const n of [1, 2, 3, 4]) expect(await append(a, event(n))).toEqual({ outcome: "appended", version: n });
    expect((await b.current()).of("one").head).toBe(4);
  });

  it("lets go of its beginning, and is read on by those who were there and those who come", async () => {
    const { kafka, log } = cluster();
    const [a, b] = [new TenantLog(kafka, "acme"), new TenantLog(kafka, "acme")];
    for (let n = 1; n <= 20; n++) await append(a, event(n, `id-${n}`));
    await a.act({ command: { do: "join", stream: "one", group: "g", from: 0 } });
    const place = { stream: "one", group: "g", consumer: "c" };
    await a.act({ command: { do: "take", place, options: { batch: 2, ackMs: 1_000, done: [], resume: false } } });
    expect((await b.current()).of("one").head).toBe(20);
    await a.act({ command: { do: "trim", stream: "one", upTo: 15, before: null } });
    const whole = (await a.current()).groupStates({ stream: "", group: "" });
    await a.forget(stateRecords);
    expect(log.start).toBe(15);
    await append(a, event(21));
    for (const one of [a, b, new TenantLog(kafka, "acme")]) {
      const machine = await one.current();
      const found = await one.contents(machine.read("one", 0, 100, false));
      expect(found.map(({ version, data, id }) => [version, data, id])).toEqual(
        [16, 17, 18, 19, 20, 21].map((n) => [n, { n }, n > 20 ? null : `id-${n}`]),
      );
      expect(machine.groupStates({ stream: "", group: "" })).toEqual(whole);
      expect(await append(one, event(16, "id-16"))).toEqual({ outcome: "repeated", version: 16 });
    }
    log.records.splice(0);
    log.start = 99;
    await expect(new TenantLog(kafka, "acme").current()).rejects.toMatchObject({ code: "failed" });
  });
});

describe("the URL", () => {
  it("says where the cluster is and who opens it", () => {
    expect(PLACE).toMatchObject({
      host: "127.0.0.1",
      port: 9092,
      username: "agent_core",
      prefix: "agent-events",
      tls: false,
    });
    expect(parseKafkaUrl("kafka://b.example:9093/x?mechanism=SCRAM-SHA-512")).toMatchObject({
      mechanism: "SCRAM-SHA-512",
      tls: true,
      timeout: 30_000,
    });
  });

  it.each([
    "kafka://u:hidden@h/",
    "kafka://u:hidden@h/a.b",
    "kafka://u:hidden@h/a?tls=no",
    "kafka://u:hidden@h/a?mechanism=MD5",
    "kafka://u:hidden@h/a?timeout=1",
    "kafka://u:hidden@h/a?tsl=false",
    "kafka://u:hidden@h,i:9092/a",
    "kafka:///a",
  ])("is refused where it is wrong, and never repeated: %s", (url) => {
    expect(() => parseKafkaUrl(url)).toThrow(expect.objectContaining({ code: "invalid" }));
    expect(() => parseKafkaUrl(url)).not.toThrow(/hidden/);
  });
});

it.each([
  [protocol("TOPIC_AUTHORIZATION_FAILED"), "denied"],
  [protocol("SASL_AUTHENTICATION_FAILED"), "denied"],
  [protocol("RECORD_LIST_TOO_LARGE"), "invalid"],
  [protocol("KAFKA_STORAGE_ERROR"), "full"],
  [protocol("NOT_LEADER_OR_FOLLOWER"), "unavailable"],
  [protocol("REQUEST_TIMED_OUT"), "timeout"],
  [Object.assign(new Error("Request timed out"), { code: "PLT_KFK_NETWORK" }), "timeout"],
  [Object.assign(new Error("Connection closed"), { code: "PLT_KFK_NETWORK" }), "unavailable"],
  [new Error("failed", { cause: Object.assign(new Error("refused"), { code: "ECONNREFUSED" }) }), "unavailable"],
  [new Error("odd"), "failed"],
])("an error of the client is one of ours: %s", (error, code) => {
  expect(toStoreError(error, PLACE)).toMatchObject({ code, cause: error });
});

it("tells of a server that is not there in time", async () => {
  const kafka = kafkaAt("kafka://u:hidden@127.0.0.1:1/agent-events?tls=false&timeout=500");
  const failed = kafka.topics();
  await expect(failed).rejects.toMatchObject({ code: "unavailable", message: expect.not.stringContaining("hidden") });
  await kafka.close();
});
