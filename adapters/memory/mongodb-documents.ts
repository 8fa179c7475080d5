import { randomUUID } from "node:crypto";
import type { CheckedFact, KeptChange, KeptFact, Written } from "./backend.ts";
import type { Lasting } from "./snapshot.ts";

// Three collections. `memory_facts` has one document a key, its head: the key's last change, with the fact that it made or ended and the words to find it by. What came before is in
// `memory_changes`, one document a change. A change is one write of the head, so that a fact and its history cannot come apart. `memory_batches` is for facts that are put together.

export const FACTS = "memory_facts";
export const CHANGES = "memory_changes";
export const BATCHES = "memory_batches";

/** One change of a key with its fact. Moments in microseconds since 1970. */
export interface ChangeDocument {
  _id: string;
  tenant: string;
  key: string;
  /** A key's documents have it in common until they are removed: what is left of an earlier life is none of this one's. */
  life: string;
  seq: number;
  action: KeptChange["action"];
  at: number;
  actor: string | null;
  /** Of the fact, which the other fields are: as the change left it, or as it was when it ended. */
  id: string;
  agent: string | null;
  kind: string;
  /** JSON as text: a document would neither keep every number nor every name. */
  value: string;
  confidence: number | null;
  source: string | null;
  expires: number | null;
  version: number;
  created: number;
  updated: number;
  /** When the fact was deleted, or another took its place after its time; null for a put. */
  deleted: number | null;
  /** When what this document alone keeps came to an end, or will. */
  ends: number | null;
}

/** A key's last change. One that was just made for facts that are put together has no change yet: its `seq` is 0, and the fields of the fact are missing. */
export interface Head extends ChangeDocument {
  /** Another one with each write. Who changes a head names the one that was read. */
  rev: string;
  /** What the fact is found by; none when it was deleted. */
  words: readonly string[];
  pending?: Pending;
  /** Its history is being removed. */
  gone?: true;
}

/** The change that a batch makes of a head, if it is committed. */
export interface Pending extends Next {
  batch: string;
}

/** A change that is to be made. */
export interface Next {
  head: Omit<Head, "pending">;
  /** That the time of the fact before was over, which is noted with it. */
  expire: ChangeDocument | null;
}

/** Facts that are put together. */
export interface Batch {
  _id: string;
  tenant: string;
  /** When they were asked for: the older of two that meet goes first. */
  since: number;
  /** When this try began. */
  at: number;
  state: "open" | "committed" | "aborted";
  heads: readonly string[];
}

/** A tenant's id has no slash. */
export const headId = (tenant: string, key: string): string => `${tenant}/${key}`;
export const changeId = (life: string, seq: number): string => `${life}/${seq}`;
export const newRev = (): string => randomUUID();

/** There is a fact: not deleted, and its time not over. As a filter: `isThere`. */
export const there = (now: number) => ({
  seq: { $gt: 0 },
  deleted: null,
  $or: [{ expires: null }, { expires: { $gt: now } }],
});
export const isThere = ({ seq, deleted, expires }: Head, now: number): boolean =>
  seq > 0 && deleted === null && (expires === null || expires > now);

export function factOf(one: ChangeDocument): KeptFact {
  const { id, key, agent, kind, confidence, source, expires, version, created, updated } = one;
  return { id, key, agent, kind, value: JSON.parse(one.value), confidence, source, expires, version, created, updated };
}

export const lastingOf = (one: ChangeDocument): Lasting => ({ ...factOf(one), deleted: one.deleted });

export function changeOf(one: ChangeDocument): KeptChange {
  const { key, seq, at, action, actor, id } = one;
  return { key, seq, at, action, actor, id, fact: action === "put" ? factOf(one) : null };
}

export const writtenOf = ({ key, id, version, created, updated }: ChangeDocument): Written => ({
  key,
  id,
  version,
  created,
  updated,
});

/** A head's change as it goes to the history. Whether a fact that was put will end is for its head to say alone. */
export function archived(head: Head): ChangeDocument {
  const { rev: _, words: __, pending: ___, gone: ____, ...change } = head;
  return { ...change, _id: changeId(head.life, head.seq), ends: head.deleted };
}

/** The version that a put replaces; 0 for none. */
export const versionOf = (head: Head | undefined, now: number): number =>
  head && isThere(head, now) ? head.version : 0;

/** What a put makes of a head, at a moment that is later than the head's. */
export function afterPut(
  tenant: string,
  head: Head | undefined,
  fact: CheckedFact,
  actor: string | null,
  now: number,
): Next {
  const { json, words, key, agent, kind, confidence, source, expires } = fact;
  const before = head && head.seq > 0 ? head : undefined;
  const kept = before && isThere(before, now) ? before : undefined;
  const over = before !== undefined && before.deleted === null && kept === undefined;
  const expire = over ? ended(before, "expire", before.expires as number, null) : null;
  return {
    expire: expire && archived(expire),
    head: {
      _id: headId(tenant, key),
      tenant,
      key,
      life: before?.life ?? randomUUID(),
      seq: (expire ?? before)?.seq === undefined ? 1 : ((expire ?? before)?.seq as number) + 1,
      action: "put",
      at: now,
      actor,
      id: kept?.id ?? randomUUID(),
      agent,
      kind,
      value: json,
      confidence,
      source,
      expires,
      version: (kept?.version ?? 0) + 1,
      created: kept?.created ?? now,
      updated: now,
      deleted: null,
      ends: expires,
      rev: newRev(),
      words,
    },
  };
}

/** A head whose fact ends. */
export function ended(head: Head, action: "delete" | "expire", at: number, actor: string | null): Head {
  const { pending: _, ...rest } = head;
  return { ...rest, seq: head.seq + 1, action, at, actor, deleted: at, ends: at, words: [], rev: newRev() };
}
