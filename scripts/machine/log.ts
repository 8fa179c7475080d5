import { spawn } from "node:child_process";
import { type Line, parseLine, splitter, type Wanted } from "../logs/lines.ts";
import { Failure } from "../terminal/report.ts";

/** Gives every line of a container's log to `take`. Resolves when the log ends: at once, or with `follow` when the container stops or `signal` aborts. */
export async function readLog(
  product: string,
  container: string,
  host: string,
  { tail, since, follow }: Wanted,
  take: (line: Line) => void,
  signal: AbortSignal,
): Promise<void> {
  const words = ["--host", host, "logs", "--timestamps", "--tail", tail];
  if (since) words.push("--since", since);
  if (follow) words.push("--follow");
  const child = spawn("docker", [...words, container], { stdio: ["ignore", "pipe", "pipe"] });
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
