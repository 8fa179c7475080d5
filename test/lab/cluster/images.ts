import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { LabError, must } from "../exec.ts";
import { inCluster, socket } from "./place.ts";

const record = () => inCluster("images.json");

/** Brings images of the container engine onto the node, each once; layers that they share travel once, too. */
export async function bringImages(tags: readonly string[]): Promise<void> {
  const there: string[] = existsSync(record()) ? JSON.parse(readFileSync(record(), "utf8")) : [];
  const missing = tags.filter((tag) => !there.includes(tag));
  if (missing.length === 0) return;
  const pipe = `set -o pipefail; docker save "$@" | ctr --address ${socket()} --namespace k8s.io images import -`;
  await must("bash", ["-c", pipe, "bash", ...missing]);
  writeFileSync(record(), JSON.stringify([...there, ...missing]));
}

/** The kubelet may throw away what it believes nobody needs, and nobody could bring the sandbox's image again. */
export async function pinImage(tag: string): Promise<void> {
  const words = ["--address", socket(), "--namespace", "k8s.io", "images", "label", `docker.io/${tag}`];
  const { stdout } = await must("ctr", [...words, "io.cri-containerd.pinned=pinned"]);
  if (!stdout.includes("pinned")) throw new LabError(`${tag} cannot be pinned.`, stdout);
}
