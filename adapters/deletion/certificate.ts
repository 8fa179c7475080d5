import { canonical, sha256 } from "../canonical.ts";
import type { StoreErrorCode } from "../errors.ts";
import { show } from "../input.ts";

/** Counts of what was removed, by kind. */
export type Counts = Record<string, number>;

/** What one role did for the deletion of a tenant. */
export interface RoleDeletion {
  role: string;
  /** Protocol of the store, e.g. `postgres`; never an address or a credential. */
  store: string;
  /** By kind, over all passes. */
  removed: Counts;
  /** What the last look found, and removed too. Empty: nothing. Null where none was made, since the role failed. */
  found: Counts | null;
  /** How often it was asked to remove what it holds; each time but the first is a look. */
  passes: number;
  /** Of the first pass, and of the last. UTC with milliseconds. */
  beganAt: string;
  endedAt: string;
  /** Why it is not done; null when it is. */
  failed: StoreErrorCode | null;
}

/** A place where the tenant may still be, which no store of the fleet reaches. */
export interface Remain {
  where: string;
  what: string;
  /** What brings it to its end. */
  ends: string;
}

/** What was deleted, where, and what may be left of it. Plain JSON; every hash is SHA-256 in lower-case hex. */
export interface DeletionCertificate {
  format: "agent-stores/deletion";
  version: 1;
  /** Place in the chain, from 1; null where no database keeps one. */
  number: number | null;
  /** `sha256` of the certificate before this one; null for the first. */
  previous: string | null;
  tenant: string;
  /** `incomplete`: something failed or was found to the last, so the deletion must be repeated. */
  outcome: "complete" | "incomplete";
  beganAt: string;
  endedAt: string;
  roles: RoleDeletion[];
  /** Rows of the tenant that the last look found in the database of the chain, by table, with how many tables it looked through. Null where there is none. */
  database: { tables: number; found: Counts } | null;
  remains: Remain[];
  /** Of the canonical JSON of everything above. */
  sha256: string;
}

export type DeletionBody = Omit<DeletionCertificate, "number" | "previous" | "sha256">;

/** The certificate, linked to the one before. */
export function seal(
  body: DeletionBody,
  { number, previous }: Pick<DeletionCertificate, "number" | "previous">,
): DeletionCertificate {
  const text = canonical({ ...body, number, previous });
  return { ...(JSON.parse(text) as Omit<DeletionCertificate, "sha256">), sha256: sha256(text) };
}

/** The text to keep: canonical JSON, so that the same certificate is the same bytes. `verifyDeletions` takes it back. */
export const deletionText = (certificate: DeletionCertificate): string => canonical(certificate);

/** One thing that is wrong with certificates. */
export interface DeletionFault {
  /** Place in the list that was given, from 0; its length for what is missing at the end. */
  at: number;
  field: "encoding" | "format" | "sha256" | "number" | "previous" | "head";
  /** The whole finding as a sentence. */
  message: string;
}

type Given = DeletionCertificate | string | Uint8Array;

/** What is wrong with one certificate by itself; undefined when it is whole. */
export function verifyDeletion(certificate: Given): DeletionFault | undefined {
  const opened = open(certificate, 0);
  return "field" in opened ? opened : undefined;
}

/**
 * Looks through a whole chain, from the first certificate on, and names each one that is not as it was, and each place where one is missing; nothing means that it
 * holds. Text and bytes must be the canonical text byte for byte. Whoever can write the chain can also write all of it anew, or cut its end off: keep the `sha256` of the newest
 * certificate elsewhere, and give it as `head`.
 */
export function verifyDeletions(certificates: readonly Given[], { head }: { head?: string } = {}): DeletionFault[] {
  const faults: DeletionFault[] = [];
  const hashes = new Set<string>();
  let before: Before | undefined = { number: 0, sha256: null };
  for (const [at, given] of certificates.entries()) {
    const opened = open(given, at);
    if ("field" in opened) {
      faults.push(opened);
      before = undefined; // what follows names what it was, which nobody can read any more
      continue;
    }
    faults.push(...linkFaults(opened, before, at));
    hashes.add(opened.sha256);
    before = { number: opened.number ?? 0, sha256: opened.sha256 };
  }
  if (head !== undefined && !hashes.has(head))
    faults.push({
      at: certificates.length,
      field: "head",
      message: `the certificate with sha256 ${show(head)} is missing: the chain's end was cut off, or all of it is another one`,
    });
  return faults;
}

type Before = { number: number; sha256: string | null };

function linkFaults(
  { number, previous }: DeletionCertificate,
  before: Before | undefined,
  at: number,
): DeletionFault[] {
  if (number === null)
    return [{ at, field: "number", message: `certificate ${at + 1} of the list is of no chain: no database kept it` }];
  if (!before) return [];
  if (number !== before.number + 1) {
    const message = `after certificate ${before.number} comes ${number}: ${number > before.number ? "what is between them is missing" : "they are not in order"}`;
    return [{ at, field: "number", message }];
  }
  if (previous === before.sha256) return [];
  const message = `certificate ${number} follows one with sha256 ${previous}, and the one before it has ${before.sha256}`;
  return [{ at, field: "previous", message }];
}

/** The certificate if it is whole, else what is wrong with it. */
function open(given: Given, at: number): DeletionCertificate | DeletionFault {
  const broken = (field: DeletionFault["field"], what: string): DeletionFault => ({
    at,
    field,
    message: `certificate ${at + 1} of the list ${what}`,
  });
  let value: unknown;
  try {
    const text =
      given instanceof Uint8Array ? new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(given) : given;
    value = typeof text === "string" ? JSON.parse(text) : text;
    if (typeof text === "string" && canonical(value) !== text)
      return broken("encoding", "is not written as it was: its bytes changed");
  } catch (cause) {
    return broken("encoding", `cannot be read: ${cause instanceof Error ? cause.message : cause}`);
  }
  if (!isCertificate(value)) return broken("format", "is no certificate of a deletion of version 1");
  const { sha256: stated, ...body } = value;
  const found = sha256(canonical(body));
  return found === stated
    ? value
    : broken("sha256", `changed (it states sha256 ${show(stated)}, its content has ${found})`);
}

function isCertificate(value: unknown): value is DeletionCertificate {
  if (typeof value !== "object" || value === null) return false;
  const { format, version, number, previous } = value as Partial<DeletionCertificate>;
  return (
    format === "agent-stores/deletion" &&
    version === 1 &&
    (number === null || Number.isInteger(number)) &&
    (previous === null || typeof previous === "string")
  );
}
