import { randomUUID } from "node:crypto";
import type { EventBackend, KeptEvent } from "./backend.ts";
import { Consumer } from "./consumer.ts";
import type { EventCapabilities, EventStore, EventSubscription, StoredEvent } from "./contract.ts";
import { followed } from "./follow.ts";
import { notAppended, unsupported } from "./problems.ts";
import * as check from "./validate.ts";

const stored = (stream: string, { version, type, data, id, at }: KeptEvent): StoredEvent => ({
  stream,
  version,
  type,
  data,
  ...(id !== null && { id }),
  at: new Date(Math.floor(at / 1000)),
});

/** Those of one adapter that are open: it ends them before its connections. */
export type Subscriptions = Set<EventSubscription>;

export async function closeAll(subscriptions: Subscriptions): Promise<void> {
  await Promise.all([...subscriptions].map((one) => one.close()));
}

/** The contract over what a protocol does: checks what comes in, and follows. */
export function eventStore(
  backend: EventBackend,
  can: EventCapabilities,
  why: Partial<Record<keyof EventCapabilities, string>>,
  subscriptions: Subscriptions,
): EventStore {
  return { can, why, ...writing(backend, can, why), ...reading(backend), ...following(backend, subscriptions) };
}

function writing(backend: EventBackend, can: EventCapabilities, why: EventStore["why"]) {
  return {
    async append(stream, events, options) {
      const name = check.checkName(stream, "The stream");
      const checked = check.checkEvents(events);
      const expected = check.checkExpected(options);
      if (expected !== undefined && !can.expectedVersion) unsupported("expectedVersion", why.expectedVersion);
      if (!can.idempotent && checked.some(({ id }) => id !== null)) unsupported("ids of events", why.idempotent);
      const answer = await backend.append(name, checked, expected);
      if (answer.outcome === "appended" || answer.outcome === "repeated") return { version: answer.version };
      return notAppended(answer, name, expected);
    },
    async trim(stream, what) {
      const name = check.checkName(stream, "The stream");
      const wanted = check.checkTrim(what);
      if ("before" in wanted) return backend.trim(name, null, wanted.before);
      const upTo = (await backend.head(name)) - wanted.keep;
      return upTo > 0 ? backend.trim(name, upTo, null) : 0;
    },
  } satisfies Partial<EventStore>;
}

function reading(backend: EventBackend) {
  return {
    async read(stream, options) {
      const name = check.checkName(stream, "The stream");
      const { after, limit, backwards } = check.checkRead(options);
      return (await backend.read(name, after, limit, backwards)).map((event) => stored(name, event));
    },
    async head(stream) {
      return backend.head(check.checkName(stream, "The stream"));
    },
    async *streams(options) {
      const prefix = check.checkPrefix(options);
      for (let last = ""; ; ) {
        const page = await backend.streams(prefix, last);
        if (page.length === 0) return;
        for (const { stream, head } of page) {
          if (!stream.startsWith(prefix)) return; // they are in order
          yield { stream, version: head };
          last = stream;
        }
      }
    },
    async groups(stream) {
      return backend.groups(check.checkName(stream, "The stream"));
    },
  } satisfies Partial<EventStore>;
}

function following(backend: EventBackend, subscriptions: Subscriptions) {
  return {
    async *follow(stream, options) {
      const name = check.checkName(stream, "The stream");
      const { after, signal } = check.checkFollow(options);
      for await (const event of followed(backend, name, after, signal)) yield stored(name, event);
    },
    async subscribe(stream, options, handler) {
      const name = check.checkName(stream, "The stream");
      const { group, consumer = randomUUID(), from, ...how } = check.checkSubscribe(options);
      check.checkHandler(handler);
      const handle = async ({ count, missed, ...event }: Parameters<ConstructorParameters<typeof Consumer>[3]>[0]) =>
        handler(stored(name, event), { count, missed });
      const subscription = await new Consumer(backend, { stream: name, group, consumer }, how, handle).start(from);
      subscriptions.add(subscription);
      const ended = () => subscriptions.delete(subscription);
      subscription.ended.then(ended, ended);
      return subscription;
    },
  } satisfies Partial<EventStore>;
}
