import { setTimeout as sleep } from "node:timers/promises";

/**
 * Shows `frame` every `seconds`, in place on a terminal and one below the other elsewhere, until the command is interrupted. A frame that cannot be made is told and tried again.
 */
export async function watch(seconds: number, frame: () => Promise<string[]>): Promise<void> {
  const end = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end.abort());
  const live = process.stdout.isTTY === true;
  if (live) process.stdout.write("\u001b[2J");
  while (!end.signal.aborted) {
    const started = performance.now();
    const lines = await Promise.race([frame(), aborted(end.signal)]);
    if (!lines) break;
    if (live)
      process.stdout.write(
        `\u001b[H${fitting(lines)
          .map((line) => `${line}\u001b[K\n`)
          .join("")}\u001b[J`,
      );
    else for (const line of lines) console.log(line);
    const left = Math.max(100, seconds * 1000 - (performance.now() - started));
    await sleep(left, undefined, { signal: end.signal }).catch(() => {});
  }
  // A store that is being asked has a few seconds left, for which nobody waits any more.
  process.exit(0);
}

/** What is higher than the terminal would scroll, and the next frame begin in the wrong place. */
function fitting(lines: string[]): string[] {
  const rows = process.stdout.rows - 1;
  return lines.length <= rows ? lines : [...lines.slice(0, rows - 1), `… ${lines.length - rows + 1} more lines`];
}

const aborted = (signal: AbortSignal) =>
  new Promise<undefined>((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }));
