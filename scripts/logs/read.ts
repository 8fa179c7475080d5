import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { containersOf, type Found } from "../machine/containers.ts";
import { Failure } from "../terminal/report.ts";
import { type Line, parseLine, splitter } from "./lines.ts";

/** What of a container's log is wanted. */
export interface Wanted {
  /** A number of lines, or `all`. */
  tail: string;
  /** RFC 3339, or as long ago as `10m`. */
  since?: string;
  follow: boolean;
}

/** Gives every line of a container's log to `take`. Resolves when the log ends: at once, or with `follow` when the container stops or `signal` aborts. */
export async function readLog(
  { id, product }: Pick<Found, "id" | "product">,
  host: string,
  { tail, since, follow }: Wanted,
  take: (line: Line) => void,
  signal: AbortSignal,
): Promise<void> {
  const words = ["--host", host, "logs", "--timestamps", "--tail", tail];
  if (since) words.push("--since", since);
  if (follow) words.push("--follow");
  const child = spawn("docker", [...words, id], { stdio: ["ignore", "pipe", "pipe"] });
  const stop = () => child.kill();
  signal.addEventListener("abort", stop, { once: true });
  let complaint = "";
  const listen = (stream: Line["stream"]) => {
    const lines = splitter((text) => {
      const parsed = parseLine(text);
      if (parsed) take({ product, stream, ...parsed });
      else complaint = text;
    });
    child[stream].setEncoding("utf8").on("data", lines.push).on("end", lines.end);
  };
  listen("stdout");
  listen("stderr");
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  }).finally(() => signal.removeEventListener("abort", stop));
  if (code !== 0 && !signal.aborted && !/No such container|is dead or marked for removal/.test(complaint))
    throw new Failure(`the engine does not tell the log of ${product}: ${complaint}`, "Type: npm run doctor");
}

/**
 * Follows a product's log over restarts of its container, and over a new container in its place, until `signal` aborts. `gone` is called when the container has stopped, and
 * `back` when there is one again.
 */
export async function follow(
  found: Found,
  stack: string,
  host: string,
  wanted: Wanted,
  take: (line: Line) => void,
  told: { gone(): void; back(): void },
  signal: AbortSignal,
): Promise<void> {
  let at: Found | undefined = found;
  let { tail, since } = wanted;
  let last = "";
  const remember = (line: Line) => {
    if (line.at <= last) return; // the engine tells from a moment on, and includes it
    last = line.at;
    take(line);
  };
  while (!signal.aborted) {
    await readLog(at, host, { tail, since, follow: true }, remember, signal);
    if (signal.aborted) return;
    told.gone();
    [tail, since] = ["all", last || new Date().toISOString()];
    do {
      await sleep(500, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const all: Found[] = await containersOf(stack, host).catch(() => []); // one that is being removed cannot be inspected
      at = all.find(({ product, state }) => product === found.product && state === "running");
    } while (!at);
    told.back();
  }
}
