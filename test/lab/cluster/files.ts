import { writeFileSync } from "node:fs";
import { makeFolder } from "../cache.ts";
import { certificate } from "./certificates.ts";
import { BRIDGE, HOST, inCluster, NODE, PODS, STORAGE_CLASS, socket, VOLUMES } from "./place.ts";

export const containerdConfig = () => inCluster("containerd.toml");
export const kubeletConfig = () => inCluster("kubelet.yaml");
const networks = () => inCluster("cni");
const volume = (index: number) => inCluster("volumes", String(index));

/** Writes what the node's programs read. */
export function writeFiles(pause: string): void {
  writeFileSync(containerdConfig(), containerdText(pause));
  writeFileSync(kubeletConfig(), kubeletText());
  makeFolder(networks());
  writeFileSync(inCluster("cni", "10-lab.conflist"), JSON.stringify(networkList()));
}

/** Without the right to lower it, every sandbox fails at its score for the kernel's choice of whom to kill; `restrict` is for that. */
const containerdText = (pause: string) => `version = 2
root = "${inCluster("containerd", "root")}"
state = "${inCluster("containerd", "state")}"
[grpc]
  address = "${socket()}"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "docker.io/${pause}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${networks()}"
`;

const networkList = () => ({
  cniVersion: "1.0.0",
  name: "lab",
  plugins: [
    {
      type: "bridge",
      bridge: BRIDGE,
      isGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: {
        type: "host-local",
        dataDir: inCluster("addresses"),
        ranges: [[{ subnet: PODS }]],
        routes: [{ dst: "0.0.0.0/0" }],
      },
    },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
});

const kubeletText = () => `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: ${HOST}
healthzBindAddress: 127.0.0.1
containerRuntimeEndpoint: unix://${socket()}
cgroupDriver: cgroupfs
failSwapOn: false
clusterDomain: cluster.local
clusterDNS: [${HOST}]
authentication:
  anonymous: { enabled: false }
  webhook: { enabled: true }
  x509: { clientCAFile: ${certificate("ca")} }
authorization: { mode: Webhook }
# Its images come from nowhere else: none is thrown away for room.
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: { memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1% }
volumePluginDir: ${inCluster("plugins")}
`;

/** A class without a provisioner, and the volumes that it has: folders of the node that anyone may write, as fresh network volumes are once they have their group. */
export function storageManifest(): object[] {
  const affinity = { key: "kubernetes.io/hostname", operator: "In", values: [NODE] };
  const volumes = Array.from({ length: VOLUMES }, (_, index) => ({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: `lab-${index}` },
    spec: {
      capacity: { storage: "1Ti" },
      accessModes: ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: "Retain",
      storageClassName: STORAGE_CLASS,
      local: { path: makeFolder(volume(index)) },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [affinity] }] } },
    },
  }));
  const storageClass = {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: STORAGE_CLASS, annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
    provisioner: "kubernetes.io/no-provisioner",
    volumeBindingMode: "WaitForFirstConsumer",
  };
  return [storageClass, ...volumes];
}
