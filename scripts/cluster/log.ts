import { PassThrough } from "node:stream";
import { Log } from "@kubernetes/client-node";
import { type Line, parseLine, splitter, type Wanted } from "../logs/lines.ts";
import { Failure } from "../terminal/report.ts";
import { type Cluster, said } from "./cluster.ts";
import type { Inside } from "./exec.ts";

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600 };

/** Gives every line of a container's log to `take`; the cluster does not tell its two streams apart. */
export async function readLog(
  { config, namespace }: Cluster,
  at: Inside,
  wanted: Wanted,
  take: (line: Line) => void,
  signal: AbortSignal,
): Promise<void> {
  const stream = new PassThrough();
  const lines = splitter((text) => {
    const parsed = parseLine(text);
    if (parsed) take({ product: at.container, stream: "stdout", ...parsed });
  });
  stream.setEncoding("utf8").on("data", lines.push);
  const ended = new Promise<void>((resolve) =>
    stream
      .once("close", resolve)
      .once("end", resolve)
      .once("error", () => resolve()),
  );
  try {
    const request = await new Log(config).log(namespace, at.name, at.container, stream, {
      follow: wanted.follow,
      timestamps: true,
      ...(wanted.tail !== "all" && { tailLines: Number(wanted.tail) }),
      ...(wanted.since && sinceOf(wanted.since)),
    });
    signal.addEventListener("abort", () => request.abort(), { once: true });
  } catch (error) {
    if (signal.aborted || /not found|is waiting to start|terminated/.test(said(error))) return;
    throw new Failure(`the cluster does not tell the log of ${at.container}: ${said(error)}`, "Type: npm run doctor");
  }
  await ended;
  lines.end();
}

/** A moment, or as long ago as `1h30m`. */
function sinceOf(text: string): { sinceTime: string } | { sinceSeconds: number } {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)];
  if (parts.length === 0) return { sinceTime: new Date(text).toISOString() };
  const seconds = parts.reduce((sum, [, digits, unit]) => sum + Number(digits) * (UNITS[unit ?? ""] ?? 0), 0);
  return { sinceSeconds: Math.max(1, Math.ceil(seconds)) };
}
