import { Consumer, Producer } from "@platformatic/kafka";
import { kafkaAt } from "../../adapters/clients/kafka.ts";
import { parseKafkaUrl } from "../../adapters/clients/kafka-url.ts";
import { openFleet, openStores } from "../../adapters/index.ts";
import { type EventFigures, eventFigures, ours } from "./event.ts";
import type { Way } from "./event-by-hand.ts";
import type { Place } from "./place.ts";

/** Topics of the bench's own, that lie beside the tenants' and are no tenant's. */
const topicOf = (prefix: string, stream: string) => `${prefix}.BENCH-${process.pid}-${stream}`;
const STREAMS = ["full", ...Array.from({ length: 8 }, (_, worker) => `stream-${worker}`)];

/** append and read, beside the official client with a topic for each stream: no versions, no ids. Both wait for each append to lie on the disk. */
export async function kafkaBench({ app, fleet: fleetUrl }: Place, rounds: number): Promise<EventFigures[]> {
  const kafka = kafkaAt(fleetUrl);
  const { prefix, host, port, username, password, mechanism, tls } = parseKafkaUrl(app);
  const stores = openStores({ EVENT_URL: app });
  const fleet = openFleet({ EVENT_URL: fleetUrl });
  const tenant = `bench-${process.pid}`;
  const options = {
    clientId: "bench",
    bootstrapBrokers: [`${host}:${port}`],
    ...(username && { sasl: { mechanism, username, password } }),
    ...(tls && { tls: {} }),
  };
  const producer = new Producer(options);
  const consumers = Array.from({ length: 8 }, () => new Consumer({ ...options, groupId: "bench" }));
  const byHand: Way = {
    append: (stream, content) => {
      const value = Buffer.from(JSON.stringify({ type: "bench", data: content }));
      return producer.send({ messages: [{ topic: topicOf(prefix, stream), partition: 0, value }], acks: -1 });
    },
    read: (stream, worker) => hundred(consumers[worker] as Consumer, topicOf(prefix, stream)),
  };
  try {
    for (const stream of STREAMS) await kafka.create(topicOf(prefix, stream));
    return await eventFigures({ ours: ours(stores.tenant(tenant)), baseline: byHand }, rounds);
  } finally {
    for (const stream of STREAMS) await kafka.remove(topicOf(prefix, stream));
    await fleet.deleteTenant(tenant);
    await Promise.all([producer.close(), ...consumers.map((one) => one.close(true))]);
    await Promise.all([kafka.close(), stores.close(), fleet.close()]);
  }
}

/** A hundred messages behind the two hundredth, each parsed. */
async function hundred(consumer: Consumer, topic: string): Promise<unknown[]> {
  const { topics } = await consumer.metadata({ topics: [topic] });
  const { id = "", partitions = [] } = topics.get(topic) ?? {};
  const place = { fetchOffset: 200n, currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes: 64 * 1024 };
  const said = await consumer.fetch({
    node: partitions[0]?.leader ?? -1,
    topics: [{ topicId: id, partitions: [{ partition: 0, ...place }] }],
    maxWaitTime: 0,
  });
  const batches = said.responses[0]?.partitions[0]?.records ?? [];
  const values = batches.filter(({ firstOffset }) => firstOffset >= 200n).flatMap(({ records }) => records);
  return values.slice(0, 100).map(({ value }) => JSON.parse(String(value)));
}
