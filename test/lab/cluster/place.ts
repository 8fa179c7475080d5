import { join } from "node:path";
import { cacheRoot, makeFolder } from "../cache.ts";

/** Everything that a running cluster writes lies here, and goes with it. */
export const clusterFolder = (): string => join(cacheRoot(), "cluster");
export const inCluster = (...path: string[]): string => join(clusterFolder(), ...path);

/** For kubectl and every client: the administrator of the cluster, whose context has the name below. */
export const kubeconfigFile = (): string => inCluster("admin.kubeconfig");
export const CONTEXT = "agent-stores-lab";

export const NODE = "lab";
export const BRIDGE = "aslab0";
/** The node, the API server and the cluster's DNS: the pods' side of the host. */
export const HOST = "10.222.0.1";
export const PODS = "10.222.0.0/24";
export const SERVICES = "10.223.0.0/16";
/** First address of the services: the API server's, inside. */
export const API_SERVICE = "10.223.0.1";
export const API_PORT = 16443;
export const ETCD_PORT = 12379;
/** The class of the volumes that the lab has ready. */
export const STORAGE_CLASS = "lab";
/** Claims that a cluster can fill in its life. */
export const VOLUMES = 60;

export const socket = (): string => inCluster("containerd.sock");
export const logFile = (program: string): string => join(makeFolder(inCluster("log")), `${program}.log`);
