import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { StoreError } from "./errors.ts";

/** Variables by name, as in `process.env`. */
export type Env = Readonly<Record<string, string | undefined>>;

/** The variables of a file in the working directory; those of the process win. A file that is not there has none. */
export function readEnv(file: ".env" | ".env.admin"): Env {
  return { ...(existsSync(file) ? parseEnv(readFileSync(file, "utf8")) : {}), ...process.env };
}

/**
 * The URL of a role: `<ROLE>_URL`, else the first of `others` that is set, e.g. DATABASE_URL. Throws `StoreError` naming the variable when there is
 * none.
 */
export function roleUrl(env: Env, role: string, others: readonly string[] = []): string {
  const name = `${role.toUpperCase()}_URL`;
  const url = [name, ...others].map((one) => env[one]).find((one) => one);
  if (url) return url;
  throw new StoreError("invalid", role, `${name} is not set.`, "Start the stores, which writes .env: npm run up");
}

/** The scheme of a URL with its colon, as in `postgres:`; empty when it has none. */
export function schemeOf(url: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:/.exec(url)?.[0] ?? "";
  return scheme === "postgresql:" ? "postgres:" : scheme;
}
