import { setTimeout as sleep } from "node:timers/promises";
import type * as Client from "@platformatic/kafka";
import { StoreError } from "../errors.ts";
import { brokersOf, PATIENCE } from "./kafka-brokers.ts";
import { isAnother, isGone, isThere, toStoreError } from "./kafka-errors.ts";
import { type KafkaPlace, parseKafkaUrl } from "./kafka-url.ts";
import { underWay } from "./under-way.ts";

const PIECE = 1024 * 1024;

/** A topic of one partition: a log. */
export interface Topic {
  name: string;
  /** Another topic that later has the name has another. */
  id: string;
  /** The broker that leads it. */
  leader: string;
}

/** `at` is the broker's time of its arrival, in milliseconds since 1970. */
export interface LogRecord {
  offset: number;
  at: number;
  value: Buffer;
}

/** Where to read in a log. */
export interface Place {
  topic: Topic;
  from: number;
}

/** What was read of a log from a place on, which may be less or earlier than all that there is; and where the log ends. */
export interface Piece {
  from: number;
  records: LogRecord[];
  /** Where to read on. */
  next: number;
  end: number;
}

/** One account's view of a cluster. Everything throws `StoreError`; reading is repeated for a few seconds where the connection is lost, writing is not: it may be there. */
export interface Kafka {
  readonly place: KafkaPlace;
  topic(name: string): Promise<Topic | undefined>;
  /** Names of all topics that the account may see. */
  topics(): Promise<string[]>;
  /** Makes a log that keeps everything until it is told otherwise, unless it is there. */
  create(name: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Where a log begins. */
  start(topic: Topic): Promise<number>;
  /** Lets go of everything before a place. */
  forget(topic: Topic, before: number): Promise<void>;
  /** Adds records at the end, all or none, and reads on from a place, in one round trip. */
  append(topic: Topic, values: readonly Buffer[], from: number): Promise<Piece>;
  /** @param bytes how much is read, about: one record may be larger. @default 1 MiB */
  read(topic: Topic, from: number, bytes?: number): Promise<Piece>;
  /** As `read`, of several logs that one broker leads, and waits until there is something in one of them; by the id of its topic. */
  wait(logs: readonly Place[], milliseconds: number): Promise<Map<string, Piece>>;
  /** Calls of the protocol that nothing here is for. */
  ask<T>(calls: (connection: Client.Connection, client: typeof Client) => Promise<T>): Promise<T>;
  /** Awaits what is under way. */
  close(): Promise<void>;
}

export function kafkaAt(url: string): Kafka {
  const place = parseKafkaUrl(url);
  const brokers = brokersOf(place);
  const work = underWay("kafka");
  const seed = `${place.host}:${place.port}`;

  async function attempt<T>(act: () => Promise<T>, again: boolean): Promise<T> {
    for (const deadline = performance.now() + PATIENCE; ; await sleep(50)) {
      try {
        return await act();
      } catch (error) {
        const fault = toStoreError(error, place);
        const waits = fault.code === "unavailable" && brokers.reached() && performance.now() < deadline;
        if (!waits || !again || isAnother(error)) throw fault;
      }
    }
  }
  type Calls<T> = (connection: Client.Connection, client: typeof Client) => Promise<T>;
  /** What may be repeated. */
  const ask = <T>(calls: Calls<T>, broker = seed, lane = "work"): Promise<T> =>
    work.call(() => attempt(() => brokers.on(broker, lane, calls), true));
  const write = async <T>(calls: Calls<T>, broker: string): Promise<T> => {
    // A connection may be waited for: nothing was sent yet.
    await ask(async () => undefined, broker);
    return work.call(() => attempt(() => brokers.on(broker, "work", calls), false));
  };

  async function described(names: string[] | null) {
    const said = await ask((connection, { metadataV12 }) => metadataV12.api.async(connection, names, false));
    const at = new Map(said.brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
    // Where there is one broker, the address that reached it is good, and its own may not be: it may stand behind a forwarded port.
    const leaderOf = (id: number | undefined) => (at.size > 1 ? at.get(id ?? -1) : undefined) ?? seed;
    return { ...said, leaderOf, brokers: at.size };
  }

  return {
    place,
    async topic(name) {
      const said = await described([name]).catch((error) => {
        if (isGone(error)) return undefined;
        throw error;
      });
      const [found] = said?.topics ?? [];
      if (!said || !found || found.partitions.length === 0) return undefined;
      if (found.partitions.length > 1)
        throw new StoreError(
          "invalid",
          "kafka",
          `Topic ${name} has several partitions.`,
          "Remove it, or use another prefix.",
        );
      return { name, id: found.topicId, leader: said.leaderOf(found.partitions[0]?.leaderId) };
    },
    async topics() {
      return (await described(null)).topics.map(({ name }) => name ?? "");
    },
    async create(name) {
      const { brokers: count, controllerId, leaderOf } = await described([]);
      const wanted = { name, numPartitions: 1, replicationFactor: -1, assignments: [], configs: configsOf(count) };
      try {
        const controller = leaderOf(controllerId);
        await ask(
          (connection, { createTopicsV7 }) => createTopicsV7.api.async(connection, [wanted], place.timeout, false),
          controller,
        );
      } catch (error) {
        if (!isThere(error)) throw error;
      }
    },
    async remove(name) {
      const { controllerId, leaderOf } = await described([]);
      await ask(
        (connection, { deleteTopicsV6 }) => deleteTopicsV6.api.async(connection, [{ name }], place.timeout),
        leaderOf(controllerId),
      );
    },
    async start({ name, leader }) {
      const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -2n }];
      const said = await ask(
        (connection, { listOffsetsV7 }) => listOffsetsV7.api.async(connection, -1, 0, [{ name, partitions }]),
        leader,
      );
      return Number(said.topics[0]?.partitions[0]?.offset ?? 0);
    },
    async forget({ name, leader }, before) {
      const partitions = [{ partitionIndex: 0, offset: BigInt(before) }];
      await ask(
        (connection, { deleteRecordsV2 }) =>
          deleteRecordsV2.api.async(connection, [{ name, partitions }], place.timeout),
        leader,
      );
    },
    async append(topic, values, from) {
      return write(async (connection, client) => {
        const records = values.map((value) => ({ topic: topic.name, partition: 0, value }));
        // A broker answers the requests of a connection in their order: what is read has what was appended.
        const written = client.produceV9.api.async(connection, client.ProduceAcks.ALL, place.timeout, records);
        const read = fetched(client, connection, [{ topic, from }], 0);
        const [said, pieces] = await Promise.allSettled([written, read]);
        if (said.status === "rejected") throw said.reason;
        // What was appended is there, whatever became of the reading.
        return pieceOf(pieces.status === "fulfilled" ? pieces.value : new Map(), { topic, from });
      }, topic.leader);
    },
    async read(topic, from, bytes) {
      const log = { topic, from };
      const pieces = await ask((connection, client) => fetched(client, connection, [log], 0, bytes), topic.leader);
      return pieceOf(pieces, log);
    },
    async wait(logs, milliseconds) {
      const [leader] = logs.map(({ topic }) => topic.leader);
      return ask((connection, client) => fetched(client, connection, logs, milliseconds), leader, "wait");
    },
    ask: (calls) => ask(calls),
    async close() {
      await work.drained();
      await brokers.close();
    },
  };
}

/** A log of ours keeps what it has; of the only broker what is acknowledged lies on the disk, of several it lies in most. */
const configsOf = (brokers: number) => [
  { name: "cleanup.policy", value: "delete" },
  { name: "retention.ms", value: "-1" },
  { name: "retention.bytes", value: "-1" },
  { name: "message.timestamp.type", value: "LogAppendTime" },
  { name: "max.message.bytes", value: String(16 * 1024 * 1024) },
  brokers > 1 ? { name: "min.insync.replicas", value: "2" } : { name: "flush.messages", value: "1" },
];

async function fetched(
  { fetchV13 }: typeof Client,
  connection: Client.Connection,
  logs: readonly Place[],
  waitMs: number,
  partitionMaxBytes = PIECE,
): Promise<Map<string, Piece>> {
  const topics = logs.map(({ topic, from }) => {
    const place = { currentLeaderEpoch: -1, fetchOffset: BigInt(from), lastFetchedEpoch: -1, partitionMaxBytes };
    return { topicId: topic.id, partitions: [{ partition: 0, ...place }] };
  });
  const said = await fetchV13.api.async(connection, waitMs, 1, 16 * PIECE, 0, 0, -1, topics, [], "");
  const from = new Map(logs.map((log) => [log.topic.id, log.from]));
  return new Map(
    said.responses.map(({ topicId, partitions: [partition] }) => {
      const place = { from: from.get(topicId) ?? 0, end: Number(partition?.highWatermark ?? 0) };
      return [topicId, { ...place, ...readFrom(partition?.records ?? [], place.from) }];
    }),
  );
}

const LOG_APPEND_TIME = 1 << 3;
const CONTROL = 1 << 5;

/** What batches have from a place on: the first may begin before it, and some hold nothing for readers. */
function readFrom(batches: readonly Client.RecordsBatch[], from: number): Pick<Piece, "records" | "next"> {
  const records = batches
    .filter(({ attributes }) => !(attributes & CONTROL))
    .flatMap(({ firstOffset, firstTimestamp, maxTimestamp, attributes, records }) =>
      records.map(({ offsetDelta, timestampDelta, value }) => ({
        offset: Number(firstOffset) + offsetDelta,
        at: Number(attributes & LOG_APPEND_TIME ? maxTimestamp : firstTimestamp + timestampDelta),
        value: value ?? Buffer.alloc(0),
      })),
    );
  const ends = batches.map(({ firstOffset, lastOffsetDelta }) => Number(firstOffset) + lastOffsetDelta + 1);
  return { records: records.filter(({ offset }) => offset >= from), next: Math.max(from, ...ends) };
}

const pieceOf = (pieces: Map<string, Piece>, { topic, from }: Place): Piece =>
  pieces.get(topic.id) ?? { from, records: [], next: from, end: from };
