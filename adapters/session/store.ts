import { StoreError } from "../errors.ts";
import type { Json } from "../input.ts";
import type { KeptMessage, SessionBackend } from "./backend.ts";
import type { Fence, Message, SessionCapabilities, SessionStore } from "./contract.ts";
import { deliver } from "./delivery.ts";
import { takeLock } from "./lock.ts";
import * as check from "./validate.ts";

const parse = (json: string | null): Json | undefined => (json === null ? undefined : JSON.parse(json));
const message = ({ seq, at, json }: KeptMessage): Message => ({ seq, at: new Date(at), value: JSON.parse(json) });

/** The contract over what a protocol does: checks what comes in, and turns JSON texts into values. */
export function sessionStore(
  backend: SessionBackend,
  can: SessionCapabilities,
  why: Partial<Record<keyof SessionCapabilities, string>>,
): SessionStore {
  return { can, why, ...values(backend), ...lists(backend), ...numbers(backend), ...together(backend) };
}

function values(backend: SessionBackend) {
  return {
    async set(key, value, options) {
      const name = check.checkName(key, "The key");
      const json = check.checkValue(value, "The value");
      if (options === undefined) return backend.set(name, json, {});
      const { fence, ...checked } = check.checkSet(options);
      if (!fence) return backend.set(name, json, checked);
      return (await backend.setFenced(name, json, { ...checked, fence })) ?? stale(fence);
    },
    async get(key) {
      return parse(await backend.get(check.checkName(key, "The key")));
    },
    async getMany(keys) {
      const names = check.checkKeys(keys);
      return names.length === 0 ? [] : (await backend.getMany(names)).map(parse);
    },
    async delete(key) {
      return backend.delete(check.checkName(key, "The key"));
    },
    async expire(key, ttlMs) {
      return backend.expire(check.checkName(key, "The key"), ttlMs === null ? null : check.checkTtl(ttlMs));
    },
    async ttl(key) {
      return backend.ttl(check.checkName(key, "The key"));
    },
    async *keys(options) {
      yield* backend.keys(check.checkPrefix(options));
    },
  } satisfies Partial<SessionStore>;
}

function stale({ lock, token }: Fence): never {
  const what = `Token ${token} is not the newest of lock "${lock}": nothing was written.`;
  throw new StoreError("conflict", "session", what, "Take the lock again, and read again what it guards.");
}

function lists(backend: SessionBackend) {
  return {
    async append(list, messages, options) {
      const name = check.checkName(list, "The list");
      return backend.append(name, check.checkMessages(messages), check.checkAppend(options));
    },
    async messages(list, options) {
      const name = check.checkName(list, "The list");
      const wanted = check.checkMessagesWanted(options);
      const kept =
        "last" in wanted
          ? await backend.newest(name, wanted.last)
          : await backend.after(name, wanted.after, wanted.limit);
      return kept.map(message);
    },
    async clearMessages(list) {
      return backend.clearMessages(check.checkName(list, "The list"));
    },
  } satisfies Partial<SessionStore>;
}

function numbers(backend: SessionBackend) {
  return {
    async increment(counter, by = 1, options) {
      const name = check.checkName(counter, "The counter");
      const { by: step, ttlMs } = check.checkIncrement(by, options);
      return (await backend.increment(name, step, ttlMs)) ?? check.outOfRange("The counter");
    },
    async counter(name) {
      return backend.counter(check.checkName(name, "The counter"));
    },
    async resetCounter(name) {
      return backend.resetCounter(check.checkName(name, "The counter"));
    },
    async setScore(ranking, member, score) {
      const name = check.checkName(ranking, "The ranking");
      await backend.setScore(name, check.checkName(member, "The member"), check.checkScore(score, "The score"));
    },
    async addScore(ranking, member, by) {
      const name = check.checkName(ranking, "The ranking");
      const who = check.checkName(member, "The member");
      return (await backend.addScore(name, who, check.checkScore(by, "by"))) ?? check.outOfRange("The score");
    },
    async ranking(ranking, options) {
      const name = check.checkName(ranking, "The ranking");
      const { offset, limit } = check.checkRange(options);
      const places = await backend.ranking(name, offset, limit);
      return places.map(({ member, score }, at) => ({ member, score, rank: offset + at + 1 }));
    },
    async rankOf(ranking, member) {
      const name = check.checkName(ranking, "The ranking");
      const found = await backend.rankOf(name, check.checkName(member, "The member"));
      return found && { member, ...found };
    },
    async removeRanked(ranking, member) {
      return backend.removeRanked(check.checkName(ranking, "The ranking"), check.checkName(member, "The member"));
    },
  } satisfies Partial<SessionStore>;
}

/** Nobody asked for it, and nobody else would ever know. */
const uncaught = (error: unknown) =>
  queueMicrotask(() => {
    throw error;
  });

function together(backend: SessionBackend) {
  return {
    async rateLimit(bucket, rate) {
      const name = check.checkName(bucket, "The bucket");
      const { limit, windowMs, cost } = check.checkRate(rate);
      return backend.takeTokens(name, limit, windowMs, cost);
    },
    async lock(name, options) {
      return takeLock(backend, check.checkName(name, "The lock"), check.checkLock(options));
    },
    async publish(channel, value) {
      await backend.publish(check.checkName(channel, "The channel"), check.checkValue(value, "The message"));
    },
    async subscribe(channel, receive, fail = uncaught) {
      check.checkReceiver(receive);
      return deliver(backend, check.checkName(channel, "The channel"), receive, fail);
    },
  } satisfies Partial<SessionStore>;
}
