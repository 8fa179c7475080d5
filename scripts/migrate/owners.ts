import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import type { Env } from "../../adapters/env.ts";
import { messageOf } from "../../adapters/errors.ts";
import { Failure } from "../terminal/report.ts";

const URLS = /_(OWNER|FLEET|APP)_URL$/;
const OWNER = /_OWNER_URL$/;

/** The owners' URLs that a file or the environment names, and those of the other accounts beside them; undefined where neither does. */
export function ownersElsewhere(file: string | undefined): Env | undefined {
  const named = file === undefined ? process.env : read(file);
  const found = Object.entries(named).filter(([name, value]) => URLS.test(name) && value);
  if (found.some(([name]) => OWNER.test(name))) return Object.fromEntries(found);
  if (file === undefined) return undefined;
  throw new Failure(
    `${file} names no owner`,
    "Write the owner's URL into it, or a line POSTGRES_OWNER_URL=postgres://…",
  );
}

function read(file: string): Env {
  try {
    const text = readFileSync(resolve(process.env.INIT_CWD ?? process.cwd(), file), "utf8").trim();
    // A mounted secret is the value and nothing else.
    return /^[a-z]+:\/\/\S+$/.test(text) ? { DATABASE_OWNER_URL: text } : parseEnv(text);
  } catch (error) {
    throw new Failure(
      `${file} cannot be read: ${messageOf(error)}`,
      "Name a file: --url-file /run/secrets/owner-url",
      error,
    );
  }
}
