import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { must, run } from "../exec.ts";
import { clusterFolder, socket } from "./place.ts";

/** Ends every container of the node; with no kubelet left, nobody starts them again. */
export async function endContainers(): Promise<void> {
  const ctr = (...words: string[]) => run("ctr", ["--address", socket(), "--namespace", "k8s.io", ...words]);
  const listed = (text: string) => text.split("\n").filter(Boolean);
  for (const task of listed((await ctr("tasks", "ls", "-q")).stdout)) {
    await ctr("tasks", "kill", "--all", "--signal", "SIGKILL", task);
    await ctr("tasks", "delete", "--force", task);
  }
  for (const container of listed((await ctr("containers", "ls", "-q")).stdout))
    await ctr("containers", "delete", container);
}

/** Mounts, network namespaces, control groups and files that the node's programs leave. */
export async function removeTraces(): Promise<void> {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  // The deepest first.
  for (const mount of mounts.filter((path) => path.startsWith(`${clusterFolder()}/`)).reverse())
    await run("umount", ["--lazy", mount]);
  const spaces = existsSync("/run/netns") ? readdirSync("/run/netns").filter((name) => name.startsWith("cni-")) : [];
  for (const space of spaces) await run("ip", ["netns", "delete", space]);
  for (const controller of readdirSync("/sys/fs/cgroup")) removeGroups(join("/sys/fs/cgroup", controller, "kubepods"));
  removeGroups("/sys/fs/cgroup/kubepods");
  await must("rm", ["-rf", "--one-file-system", clusterFolder()]);
  rmSync("/var/log/pods", { recursive: true, force: true });
  rmSync("/var/log/containers", { recursive: true, force: true });
}

/** A control group is removed as a folder, once those inside it are. */
function removeGroups(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroups(join(folder, entry.name));
  rmdirSync(folder);
}
