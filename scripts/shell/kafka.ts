import { type Kafka, kafkaAt } from "../../adapters/clients/kafka.ts";
import { StoreError } from "../../adapters/errors.ts";
import { Failure } from "../terminal/report.ts";
import type { Shell } from "./contract.ts";

const EXAMPLES = `  npm run shell kafka -- topics                  with the places where each begins and ends
  npm run shell kafka -- read agent-events.acme   its records from its beginning, one a line
  npm run shell kafka -- read agent-events.acme 100`;

/** Looks at topics as their records are: what they mean is told by the stores. Exit code 1 for what the server refuses. */
const shell: Shell = async ({ url, words }) => {
  const [act, name = "", from = "", ...more] = words;
  const isTopics = act === "topics" && name === "";
  const isRead = act === "read" && name !== "" && /^\d{0,15}$/.test(from);
  if ((!isTopics && !isRead) || more.length > 0) throw new Failure("that is no request", `Type one of:\n${EXAMPLES}`);
  const kafka = kafkaAt(url);
  try {
    if (isTopics) await list(kafka);
    else await read(kafka, name, from);
    return 0;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    console.error(error.message);
    return 1;
  } finally {
    await kafka.close();
  }
};
export default shell;

async function list(kafka: Kafka): Promise<void> {
  for (const name of (await kafka.topics()).sort()) {
    const topic = await kafka.topic(name);
    if (!topic) continue;
    const start = await kafka.start(topic);
    console.log(`${name}  ${start} to ${(await kafka.read(topic, start)).end}`);
  }
}

async function read(kafka: Kafka, name: string, from: string): Promise<void> {
  const topic = await kafka.topic(name);
  if (!topic) throw new StoreError("invalid", "kafka", `There is no topic ${name}.`, "npm run shell kafka -- topics");
  for (let at = from === "" ? await kafka.start(topic) : Number(from); ; ) {
    const { records, next, end } = await kafka.read(topic, at);
    for (const { offset, at: moment, value } of records)
      console.log(`${offset} ${new Date(moment).toISOString()} ${value.toString().replaceAll("\n", " ")}`);
    if (next === at || next >= end) return;
    at = next;
  }
}
