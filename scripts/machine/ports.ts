import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { $ } from "zx";

/** Whether a port of 127.0.0.1 can be listened on. */
export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "EADDRINUSE"));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });

/** Who listens on a port, e.g. `postgres (pid 812)`, as far as this user may see. `host`: an engine that may have a container there. */
export async function holderOf(port: number, host?: string): Promise<string> {
  const named = host && (await containerOn(port, host));
  if (named) return `container ${named}`;
  const pid = process.platform === "linux" ? listenerOnLinux(port) : await listenerOf(port);
  return pid ?? "another process";
}

async function containerOn(port: number, host: string): Promise<string> {
  const format = "{{.Names}}";
  const { stdout } = await $({
    quiet: true,
    nothrow: true,
  })`docker --host ${host} ps --filter publish=${port} --format ${format}`;
  return stdout.trim().split("\n")[0] ?? "";
}

function listenerOnLinux(port: number): string | undefined {
  const inode = ["/proc/net/tcp", "/proc/net/tcp6"]
    .filter((path) => existsSync(path))
    .flatMap((path) => readFileSync(path, "utf8").split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .find(([, local = "", , state]) => state === "0A" && Number.parseInt(local.split(":")[1] ?? "", 16) === port)?.[9];
  if (!inode) return undefined;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`))
        return `${readFileSync(`/proc/${pid}/comm`, "utf8").trim()} (pid ${pid})`;
    } catch {
      // gone meanwhile, or another user's
    }
  }
  return "a process of another user";
}

async function listenerOf(port: number): Promise<string | undefined> {
  const { stdout } = await $({ quiet: true, nothrow: true })`lsof -nP -iTCP:${port} -sTCP:LISTEN -Fpc`;
  const [, pid] = /^p(\d+)$/m.exec(stdout) ?? [];
  const [, name] = /^c(.+)$/m.exec(stdout) ?? [];
  return pid ? `${name} (pid ${pid})` : undefined;
}
