import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** When a process started, in the kernel's own count: with its id it names one process for good. Undefined when it has ended. Linux alone. */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/**
 * Ends processes that work inside a folder: plugins of a killed `pulumi` are in process groups of their own and outlive
 * it. Linux alone; elsewhere it does nothing.
 */
export function endProcessesIn(folder: string): void {
  const pids = existsSync("/proc/self") ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
  for (const pid of pids) {
    try {
      if (`${readlinkSync(`/proc/${pid}/cwd`)}/`.startsWith(`${folder}/`)) process.kill(Number(pid), "SIGKILL");
    } catch {
      // ended meanwhile, or somebody else's
    }
  }
}
