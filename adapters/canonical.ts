import { createHash } from "node:crypto";

/**
 * One text for one value: JSON without spaces, keys sorted by UTF-16 code unit, numbers as JavaScript writes them. Keys whose value
 * is undefined are left out. Throws TypeError for what JSON cannot hold (NaN, infinities, functions, bigint).
 */
export function canonical(value: unknown): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "object") {
    const entries = Object.entries(value).filter(([, member]) => member !== undefined);
    entries.sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(",")}}`;
  }
  throw new TypeError(`JSON cannot hold ${typeof value === "number" ? value : typeof value}`);
}

/** SHA-256 in lower-case hex; text is hashed as UTF-8. */
export const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");
