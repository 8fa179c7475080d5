import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { Exec, type V1Status } from "@kubernetes/client-node";
import { WebSocketHandler } from "@kubernetes/client-node/dist/web-socket-handler.js";
import { Failure } from "../terminal/report.ts";
import type { Cluster } from "./cluster.ts";

/** A container of a pod. */
export interface Inside {
  name: string;
  container: string;
}

interface Streams {
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
  terminal: boolean;
}

/** Runs a program in a pod through the API server, and resolves to how it ended. */
async function exec(
  { config, namespace }: Cluster,
  at: Inside,
  program: readonly string[],
  streams: Streams,
): Promise<V1Status> {
  const { stdin, terminal } = streams;
  // They are ended when the program's are, which the process's own must not be.
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const written = [stdout.pipe(streams.stdout, { end: false }), stderr.pipe(streams.stderr, { end: false })];
  const handler = new WebSocketHandler(config, undefined, { stdin, stdout, stderr });
  const ended = await new Promise<V1Status>((resolve, reject) => {
    new Exec(config, handler)
      .exec(namespace, at.name, at.container, [...program], stdout, stderr, stdin, terminal, resolve)
      // How it ended comes by a channel of its own, before the connection does.
      .then((socket) => {
        socket.onclose = () => setTimeout(resolve, 100, { status: "Failure", message: "the connection was closed" });
      })
      .catch((error) =>
        reject(new Failure(`${at.name} cannot be entered: ${error.message ?? error}`, "Type: npm run doctor")),
      );
  });
  for (const stream of written) if (stream.writableNeedDrain) await once(stream, "drain");
  return ended;
}

/** Runs a program with `input`; throws a Failure for any exit code but 0. */
export async function runInside(
  cluster: Cluster,
  at: Inside,
  program: readonly string[],
  input: string,
): Promise<void> {
  const [stdin, stderr] = [new PassThrough(), new PassThrough()];
  let complaint = "";
  stderr.on("data", (chunk) => (complaint += chunk));
  // The protocol has no end of input: how much there is goes along.
  const shell = ["sh", "-c", 'n=$1; shift; head -c "$n" | "$@"', "sh", String(Buffer.byteLength(input)), ...program];
  stdin.write(input);
  const ended = await exec(cluster, at, shell, { stdin, stdout: new PassThrough().resume(), stderr, terminal: false });
  if (ended.status !== "Success")
    throw new Failure(complaint.trim() || (ended.message ?? "it failed"), "Type: npm run doctor");
}

/** Runs a program with this terminal, if there is one, and resolves to its exit code. The API server writes arguments down, so the variables go before it, as a file that the program's shell reads and removes. */
export async function runInteractive(
  cluster: Cluster,
  at: Inside,
  program: readonly string[],
  env: Record<string, string>,
): Promise<number> {
  const file = `/tmp/.${randomUUID()}`;
  const lines = Object.entries(env).map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`);
  await runInside(cluster, at, ["sh", "-c", 'umask 077; cat >"$1"', "sh", file], lines.join(""));
  const terminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  if (terminal) process.stdin.setRawMode(true);
  try {
    const shell = ["sh", "-c", 'f=$1; shift; . "$f"; rm -f "$f"; exec "$@"', "sh", file, ...program];
    const ended = await exec(cluster, at, shell, {
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      terminal,
    });
    if (ended.status === "Success") return 0;
    const code = ended.details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
    return Number(code ?? 1);
  } finally {
    if (terminal) process.stdin.setRawMode(false);
    process.stdin.pause();
  }
}
