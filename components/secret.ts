import { hash } from "node:crypto";

/** A credential by name, e.g. `postgres.admin`. Rows and plans hold these, never values. */
export interface SecretRef {
  readonly secret: string;
  /** How the value is written where it stands: percent-encoded inside a URL, or its SHA-256 in lower-case hex, for servers that keep hashes. */
  readonly as?: "url" | "sha256";
}

/** Text that may have credentials in it. A renderer resolves them in its own way, as its last step. */
export type Text = string | SecretRef | { readonly join: readonly (string | SecretRef)[] };

export const isSecretRef = (value: unknown): value is SecretRef =>
  typeof value === "object" && value !== null && "secret" in value && typeof value.secret === "string";

/** Replaces each credential in `text` by what `resolve` gives for it, in order. */
export function fill(text: Text, resolve: (ref: SecretRef) => string): string {
  if (typeof text === "string") return text;
  const parts = isSecretRef(text) ? [text] : text.join;
  return parts.map((part) => (typeof part === "string" ? part : resolve(part))).join("");
}

/** The credentials that `value` mentions anywhere, each once in each way that it is written. */
export function secretsIn(value: unknown): SecretRef[] {
  if (isSecretRef(value)) return [value];
  if (typeof value !== "object" || value === null) return [];
  const all = Object.values(value).flatMap(secretsIn);
  return [...new Map(all.map((ref) => [`${ref.secret} ${ref.as}`, ref])).values()];
}

/** The value as it is written where `as` stands. */
export function written(value: string, as: SecretRef["as"]): string {
  if (as === "url") return encodeURIComponent(value);
  return as === "sha256" ? hash("sha256", value) : value;
}

export interface UrlParts {
  /** With its colon: `postgres:`. */
  scheme: string;
  username?: string;
  password?: SecretRef;
  host?: string;
  port?: number;
  /** With its leading slash. */
  path?: string;
  query?: Record<string, string>;
}

/** A store's URL as text. Everything but the password is encoded here; the password when it is resolved. */
export function url({ scheme, username, password, host = "", port, path = "", query = {} }: UrlParts): Text {
  const search = new URLSearchParams(query).toString();
  const end = `${host}${port === undefined ? "" : `:${port}`}${path.split("/").map(encodeURIComponent).join("/")}${search && `?${search}`}`;
  const start = `${scheme}//${username === undefined ? "" : encodeURIComponent(username)}`;
  if (!password) return `${start}${username === undefined ? "" : "@"}${end}`;
  return { join: [`${start}:`, { ...password, as: "url" }, `@${end}`] };
}
