import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** What one finished command left behind. */
export interface Ran {
  /** Exit code; 127 when there is no such program, -1 when a signal ended it. */
  code: number;
  stdout: string;
  stderr: string;
  /** Wall clock. */
  seconds: number;
}

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Text for standard input. @default none: the command has no terminal and nothing to read */
  input?: string;
  /** File that receives stdout and stderr as they come, for builds of minutes. */
  log?: string;
  /** Milliseconds after which the command's whole process group is killed. @default none */
  timeout?: number;
  /** Account to run as; needs root. `groups` are the supplementary ones. */
  as?: { uid: number; gid: number; groups: number[] };
}

/** What broke in the lab, and on the line below it what to type next. */
export class LabError extends Error {
  override readonly name = "LabError";

  constructor(what: string, mend: string, cause?: unknown) {
    super(`${what}\n${mend}`, cause === undefined ? undefined : { cause });
  }
}

/** A program that goes on running beside the test. */
export interface Running {
  /** Resolves once its output holds `text`; throws when it ends or `seconds` pass first. @default 60 */
  says(text: string, seconds?: number): Promise<void>;
  /** Kills it and everything that it started, and waits until they are gone. */
  kill(): Promise<void>;
}

/** Runs a program to its end and never throws for its exit code; a program that is not there answers 127. */
export async function run(program: string, args: string[], options: RunOptions = {}): Promise<Ran> {
  const log = options.log ? openSync(options.log, "a") : undefined;
  const started = performance.now();
  const { child, output, ended } = launch(program, args, options, options.timeout !== undefined, log);
  const timer = options.timeout ? setTimeout(() => killGroup(child), options.timeout) : undefined;
  const code = await ended;
  clearTimeout(timer);
  if (log !== undefined) closeSync(log);
  return { code, ...output, seconds: (performance.now() - started) / 1000 };
}

/** Starts a program and answers while it runs. */
export function start(program: string, args: string[], options: RunOptions = {}): Running {
  const { child, output, ended } = launch(program, args, options, true);
  let over = false;
  ended.then(() => (over = true));
  return {
    async says(text, seconds = 60) {
      const deadline = performance.now() + seconds * 1000;
      while (!output.stdout.includes(text) && !output.stderr.includes(text)) {
        if (!over && performance.now() < deadline) await sleep(20);
        else
          throw new Error(
            `"${text}" was not said ${over ? "to the end" : `in ${seconds} s`}:\n${output.stdout}\n${output.stderr}`,
          );
      }
    },
    async kill() {
      if (!over) killGroup(child);
      await ended;
    },
  };
}

/** `group` starts a process group of its own, which can be killed as a whole but no longer hears an interrupt of this run. */
function launch(program: string, args: string[], options: RunOptions, group: boolean, log?: number) {
  const [file, argv] = options.as ? asUser(options.as, program, args) : [program, args];
  const child = spawn(file, argv, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: [options.input === undefined ? "ignore" : "pipe", log ?? "pipe", log ?? "pipe"],
    detached: group,
  });
  const output = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  child.stdin?.on("error", () => {}); // a program that ends without reading its input is no failure
  child.stdin?.end(options.input);
  const end = () => killGroup(child);
  if (group) process.once("exit", end);
  const ended = new Promise<number>((done) => {
    child.once("error", (error) => {
      output.stderr += error.message;
      done(127);
    });
    child.once("exit", (exit) => {
      // Something that it left running may hold its output open for ever.
      const late = setTimeout(() => done(exit ?? -1), 2000);
      child.once("close", () => {
        clearTimeout(late);
        done(exit ?? -1);
      });
    });
  }).finally(() => process.off("exit", end));
  return { child, output, ended };
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has just ended by itself
  }
}

/** `run`, with a LabError for any exit code but 0: the command, its last lines, and where its log is. */
export async function must(
  program: string,
  args: string[],
  options: RunOptions & { mend?: string } = {},
): Promise<Ran> {
  const ran = await run(program, args, options);
  if (ran.code === 0) return ran;
  const output = options.log ? readFileSync(options.log, "utf8") : `${ran.stdout}\n${ran.stderr}`;
  const said = output.trim().split("\n").slice(-15).join("\n").slice(-2000);
  throw new LabError(
    `${[program, ...args].join(" ").slice(0, 200)} ended with ${ran.code}.${said ? `\n${said}` : ""}`,
    options.mend ?? (options.log ? `Read ${options.log}` : "Run it by hand to see more."),
  );
}

/** Node's own uid/gid options leave root's supplementary groups behind; setpriv replaces them. */
function asUser(as: NonNullable<RunOptions["as"]>, program: string, args: string[]): [string, string[]] {
  const groups = as.groups.length ? ["--groups", as.groups.join(",")] : ["--clear-groups"];
  return ["setpriv", ["--reuid", `${as.uid}`, "--regid", `${as.gid}`, ...groups, "--", program, ...args]];
}
