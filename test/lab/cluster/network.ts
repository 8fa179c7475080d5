import { must, run } from "../exec.ts";
import { BRIDGE, HOST, PODS } from "./place.ts";

/** The pods' bridge, with the host's address on it, before anything listens there. */
export async function makeBridge(): Promise<void> {
  await must("ip", ["link", "add", BRIDGE, "type", "bridge"]);
  await must("ip", ["address", "add", `${HOST}/24`, "dev", BRIDGE]);
  await must("ip", ["link", "set", BRIDGE, "up"]);
  // A container engine may drop everything that it forwards and does not know, from pod to pod, too.
  for (const direction of ["-s", "-d"]) await must("iptables", ["-I", "FORWARD", direction, PODS, "-j", "ACCEPT"]);
}

/** Takes the bridge away, and every rule that the cluster's programs have made: those that name a chain of theirs or an address of the pods. */
export async function removeNetwork(): Promise<void> {
  await run("ip", ["link", "delete", BRIDGE]);
  const { stdout } = await must("iptables-save", []);
  const ours = /KUBE-|CNI-|\s10\.22[23]\./;
  if (!ours.test(stdout)) return;
  const kept = stdout.split("\n").filter((line) => !ours.test(line));
  await must("iptables-restore", [], { input: kept.join("\n") });
}
