import { setTimeout as sleep } from "node:timers/promises";
import type { Servers } from "../stack/servers.ts";
import type { Line, Wanted } from "./lines.ts";

/**
 * Follows a product's log over restarts of its server, and over a new one in its place, until `signal` aborts. `gone` is called when the server has stopped, and
 * `back` when it runs again.
 */
export async function follow(
  product: string,
  servers: Servers,
  wanted: Wanted,
  take: (line: Line) => void,
  told: { gone(): void; back(): void },
  signal: AbortSignal,
): Promise<void> {
  let { tail, since } = wanted;
  let last = "";
  const remember = (line: Line) => {
    if (line.at <= last) return; // the engine tells from a moment on, and includes it
    last = line.at;
    take(line);
  };
  while (!signal.aborted) {
    await servers.log(product, { tail, since, follow: true }, remember, signal);
    if (signal.aborted) return;
    told.gone();
    [tail, since] = ["all", last || new Date().toISOString()];
    let back = false;
    while (!back) {
      await sleep(500, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const all = await servers.list().catch(() => []); // where it runs may be busy with it
      back = all.some((server) => server.product === product && server.running);
    }
    told.back();
  }
}
