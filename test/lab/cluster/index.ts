import { existsSync, linkSync, mkdirSync } from "node:fs";
import { makeFolder, withLock } from "../cache.ts";
import { ensureEngine } from "../engine.ts";
import { LabError, must, run } from "../exec.ts";
import { ensureImage } from "../images.ts";
import { ensureProgram, goProgram, type Report } from "../programs.ts";
import { certificate, key, kubeconfig, makeCertificates } from "./certificates.ts";
import { daemons, lives, startDaemon, stopDaemon, untilAnswers } from "./daemons.ts";
import { containerdConfig, kubeletConfig, storageManifest, writeFiles } from "./files.ts";
import { bringImages, pinImage } from "./images.ts";
import { makeBridge, removeNetwork } from "./network.ts";
import { endContainers, removeTraces } from "./node.ts";
import {
  API_PORT,
  CONTEXT,
  ETCD_PORT,
  HOST,
  inCluster,
  kubeconfigFile,
  NODE,
  PODS,
  SERVICES,
  socket,
} from "./place.ts";

const VERSION = "v1.34.4";

/** One file: its name when called says which of Kubernetes' programs it is. */
export const clusterProgram = () => goProgram("cluster", `k8s.io/component-base/version.gitVersion=${VERSION}`);
const PROGRAMS = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
  "kubelet",
  "kubectl",
];
const program = (name: string) => inCluster("bin", name);

export interface Cluster {
  kubeconfig: string;
  context: string;
  /** Folder with kubectl. */
  bin: string;
}

const PAUSE = "base-pause";

/** A cluster of one node that answers: the one that runs, else a new one. It outlives this process; `clusterDown` takes all of it away. Root and Linux alone. */
export async function clusterUp(report: Report = () => {}): Promise<Cluster> {
  const cluster = { kubeconfig: kubeconfigFile(), context: CONTEXT, bin: inCluster("bin") };
  if (await isReady()) return cluster;
  if (process.getuid?.() !== 0 || process.platform !== "linux")
    throw new LabError("Only root can run the lab's cluster, and on Linux alone.", "Run it as root, or leave it out.");
  await ensureEngine();
  const binary = await ensureProgram(clusterProgram(), report);
  const pause = await ensureImage(PAUSE, report);
  await withLock("cluster", async () => {
    if (await isReady()) return;
    await takeAway();
    await start(binary, pause);
  });
  return cluster;
}

/** Stops the cluster and removes every trace of it: processes, containers, mounts, control groups, rules, links, files. */
export const clusterDown = (): Promise<void> => withLock("cluster", takeAway);

export const kubectl = (...words: string[]) => run(program("kubectl"), ["--kubeconfig", kubeconfigFile(), ...words]);

/** Ends the kubelet and starts it again; the containers go on meanwhile. */
export async function restartKubelet(): Promise<void> {
  await stopDaemon("kubelet");
  startKubelet();
  await untilAnswers("kubelet", isReady);
}

async function isReady(): Promise<boolean> {
  if (!existsSync(program("kubectl"))) return false;
  const asked = await kubectl(
    "--request-timeout=2s",
    "get",
    "node",
    NODE,
    "-o",
    "jsonpath={.status.conditions[?(@.type=='Ready')].status}",
  );
  return asked.stdout === "True" && daemons().every(lives);
}

async function start(binary: string, pause: string): Promise<void> {
  await installPackages();
  mkdirSync(makeFolder(inCluster()) && inCluster("bin"), { recursive: true });
  for (const name of PROGRAMS) linkSync(binary, program(name));
  await makeBridge();
  await makeCertificates();
  writeFiles(pause);
  startEtcd();
  startDaemon("containerd", "containerd", ["--config", containerdConfig()]);
  startApiServer();
  await untilAnswers("containerd", async () => (await run("ctr", ["--address", socket(), "version"])).code === 0);
  await bringImages([pause]);
  await pinImage(pause);
  await untilAnswers("kube-apiserver", async () => (await kubectl("get", "--raw", "/readyz")).code === 0);
  startDaemon("kube-controller-manager", program("kube-controller-manager"), [
    ...identity("kube-controller-manager"),
    "--bind-address=127.0.0.1",
    "--use-service-account-credentials",
    `--service-account-private-key-file=${key("service-accounts")}`,
    `--root-ca-file=${certificate("ca")}`,
  ]);
  startDaemon("kube-scheduler", program("kube-scheduler"), [...identity("kube-scheduler"), "--bind-address=127.0.0.1"]);
  startDaemon("kube-proxy", program("kube-proxy"), [
    ...identity("kube-proxy"),
    `--hostname-override=${NODE}`,
    `--cluster-cidr=${PODS}`,
    "--proxy-mode=iptables",
    "--conntrack-max-per-core=0",
  ]);
  startKubelet();
  await must(program("kubectl"), ["--kubeconfig", kubeconfigFile(), "apply", "-f", "-"], {
    input: JSON.stringify({ apiVersion: "v1", kind: "List", items: storageManifest() }),
  });
  await untilAnswers("kubelet", isReady);
}

const identity = (client: Parameters<typeof kubeconfig>[0]) => [
  `--kubeconfig=${kubeconfig(client)}`,
  ...(client === "kube-proxy"
    ? []
    : [`--authentication-kubeconfig=${kubeconfig(client)}`, `--authorization-kubeconfig=${kubeconfig(client)}`]),
];

function startEtcd(): void {
  const [clients, peers] = [ETCD_PORT, ETCD_PORT + 1].map((port) => `http://127.0.0.1:${port}`);
  startDaemon("etcd", program("etcd"), [
    `--data-dir=${inCluster("etcd")}`,
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=default=${peers}`,
    // The cluster is made anew after a crash of the machine.
    "--unsafe-no-fsync",
  ]);
}

function startApiServer(): void {
  startDaemon("kube-apiserver", program("kube-apiserver"), [
    `--etcd-servers=http://127.0.0.1:${ETCD_PORT}`,
    `--service-cluster-ip-range=${SERVICES}`,
    `--bind-address=${HOST}`,
    `--advertise-address=${HOST}`,
    `--secure-port=${API_PORT}`,
    "--endpoint-reconciler-type=master-count",
    `--tls-cert-file=${certificate("apiserver")}`,
    `--tls-private-key-file=${key("apiserver")}`,
    `--client-ca-file=${certificate("ca")}`,
    `--kubelet-client-certificate=${certificate("apiserver-kubelet")}`,
    `--kubelet-client-key=${key("apiserver-kubelet")}`,
    // By name it would ask the network's DNS.
    "--kubelet-preferred-address-types=InternalIP",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${key("service-accounts")}`,
    `--service-account-signing-key-file=${key("service-accounts")}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
  ]);
}

function startKubelet(): void {
  startDaemon("kubelet", program("kubelet"), [
    `--config=${kubeletConfig()}`,
    `--kubeconfig=${kubeconfig("kubelet")}`,
    `--hostname-override=${NODE}`,
    `--node-ip=${HOST}`,
    `--root-dir=${inCluster("kubelet")}`,
    `--cert-dir=${inCluster("pki")}`,
  ]);
}

async function installPackages(): Promise<void> {
  const has = async (path: string) => existsSync(path) || (await run("sh", ["-c", `command -v ${path}`])).code === 0;
  const wanted = {
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    conntrack: "conntrack",
    ip: "iproute2",
    openssl: "openssl",
  };
  const missing: string[] = [];
  for (const [path, name] of Object.entries(wanted)) if (!(await has(path))) missing.push(name);
  if (missing.length === 0) return;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await must("apt-get", ["update", "-q"], { env });
  await must("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...missing], { env });
}

async function takeAway(): Promise<void> {
  await stopDaemon("kubelet");
  if (existsSync(socket())) await endContainers();
  for (const { name } of daemons().reverse()) await stopDaemon(name);
  await removeTraces();
  await removeNetwork();
}

async function main([word = ""]: string[]): Promise<void> {
  const report: Report = (name, seconds) => process.stderr.write(`  ${name}: ${seconds.toFixed(1)} s\n`);
  if (word === "up") console.log(JSON.stringify(await clusterUp(report), null, 2));
  else if (word === "down") await clusterDown();
  else if (word === "status")
    console.log((await isReady()) ? (await kubectl("get", "node,pod", "-A")).stdout : "no cluster");
  else throw new LabError(`A cluster can be ${word ? `no "${word}"` : "asked"}.`, "One of: up, down, status");
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
