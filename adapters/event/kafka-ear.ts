import { setTimeout as sleep } from "node:timers/promises";
import type { Kafka } from "../clients/kafka.ts";
import type { TenantLog } from "./kafka-log.ts";

/** Milliseconds that a broker is asked to wait for news, and between looks for logs that are not there yet. */
const WAIT_MS = 500;
const LOOK_MS = 200;

/** Reads on in the logs that somebody listens to, as records come. */
export class Ear {
  readonly #kafka: Kafka;
  readonly #heard = new Map<TenantLog, number>();
  readonly #loops = new Set<string>();
  #closed = false;

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
  }

  /** Until what this returns is called. */
  listen(log: TenantLog): () => void {
    this.#heard.set(log, (this.#heard.get(log) ?? 0) + 1);
    void this.#hear("");
    return () => {
      const left = (this.#heard.get(log) ?? 1) - 1;
      if (left > 0) this.#heard.set(log, left);
      else this.#heard.delete(log);
    };
  }

  close(): void {
    this.#closed = true;
  }

  /** One loop for each broker that leads such logs, and one that looks for those that are not there. */
  async #hear(leader: string): Promise<void> {
    if (this.#loops.has(leader)) return;
    this.#loops.add(leader);
    const mine = () => [...this.#heard.keys()].filter((log) => (log.place?.topic.leader ?? "") === leader);
    const any = () => !this.#closed && (leader === "" ? this.#heard.size > 0 : mine().length > 0);
    while (any()) {
      const logs = mine();
      try {
        if (leader === "") await this.#find(logs);
        else await this.#wait(logs);
      } catch {
        // A log that went away or begins anew is found again by reading it.
        for (const log of logs) await log.current().catch(() => undefined);
        await sleep(LOOK_MS);
      }
    }
    this.#loops.delete(leader);
  }

  async #find(logs: readonly TenantLog[]): Promise<void> {
    for (const log of logs) await log.current();
    for (const log of this.#heard.keys()) if (log.place) void this.#hear(log.place.topic.leader);
    await sleep(LOOK_MS);
  }

  async #wait(logs: readonly TenantLog[]): Promise<void> {
    const places = logs.flatMap((log) => (log.place ? [{ log, ...log.place }] : []));
    const pieces = await this.#kafka.wait(places, WAIT_MS);
    for (const { log, topic } of places) {
      const piece = pieces.get(topic.id);
      if (piece) log.fold(topic, piece);
    }
  }
}
