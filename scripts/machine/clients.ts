import type { Env } from "../../adapters/env.ts";
import { install } from "../launch.mjs";

/** What is in a folder or in this process; the clients of everything else are not among what the launcher installs for these. */
const EMBEDDED = /^(pglite|sqlite|file|inprocess):/;

/** Installs the clients of servers when a URL names one, for a command that runs where nothing ran `npm run up`. */
export function installClients(urls: Env): void {
  const all = Object.entries(urls).filter(([name, url]) => /(^|_)URL$/.test(name) && url?.includes(":"));
  if (all.some(([, url = ""]) => !EMBEDDED.test(url))) install("all");
}
