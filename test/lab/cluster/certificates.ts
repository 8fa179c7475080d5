import { writeFileSync } from "node:fs";
import { makeFolder } from "../cache.ts";
import { must } from "../exec.ts";
import { API_PORT, API_SERVICE, CONTEXT, HOST, inCluster, kubeconfigFile, NODE } from "./place.ts";

/** Who talks to the API server: the common name and the group by which it knows what each may do. */
const CLIENTS = {
  admin: "/O=system:masters/CN=admin",
  kubelet: `/O=system:nodes/CN=system:node:${NODE}`,
  "kube-controller-manager": "/CN=system:kube-controller-manager",
  "kube-scheduler": "/CN=system:kube-scheduler",
  "kube-proxy": "/CN=system:kube-proxy",
} as const;
export type Client = keyof typeof CLIENTS;

export const certificate = (name: string) => inCluster("pki", `${name}.crt`);
export const key = (name: string) => inCluster("pki", `${name}.key`);
export const kubeconfig = (client: Client) =>
  client === "admin" ? kubeconfigFile() : inCluster(`${client}.kubeconfig`);

/** An authority of this cluster's own, what it signs, and a kubeconfig for each client. */
export async function makeCertificates(): Promise<void> {
  makeFolder(inCluster("pki"));
  await issue("ca", "/CN=agent-stores-lab");
  await openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key("service-accounts"));
  const names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"].map(
    (name) => `DNS:${name}`,
  );
  const addresses = [HOST, API_SERVICE, "127.0.0.1"].map((address) => `IP:${address}`);
  await sign("apiserver", "/CN=kube-apiserver", `subjectAltName=${[...names, ...addresses].join(",")}`);
  // With which the API server asks the kubelet for logs, and enters containers.
  await sign("apiserver-kubelet", "/O=system:masters/CN=kube-apiserver-kubelet-client");
  for (const [client, subject] of Object.entries(CLIENTS)) {
    await sign(client, subject);
    writeFileSync(kubeconfig(client as Client), kubeconfigText(client), { mode: 0o600 });
  }
}

const openssl = (...args: string[]) => must("openssl", args, { mend: "apt-get install openssl" });
const newKey = (name: string) => [
  "-newkey",
  "ec",
  "-pkeyopt",
  "ec_paramgen_curve:prime256v1",
  "-nodes",
  "-keyout",
  key(name),
];

/** A certificate with a key of its own, which signs itself unless `words` name an authority. */
const issue = (name: string, subject: string, ...words: string[]) =>
  openssl("req", "-x509", "-days", "3650", "-subj", subject, ...words, ...newKey(name), "-out", certificate(name));

const sign = (name: string, subject: string, ...extensions: string[]) =>
  issue(name, subject, "-CA", certificate("ca"), "-CAkey", key("ca"), ...extensions.flatMap((one) => ["-addext", one]));

const kubeconfigText = (client: string) => `apiVersion: v1
kind: Config
current-context: ${CONTEXT}
clusters:
  - name: ${CONTEXT}
    cluster: { server: "https://${HOST}:${API_PORT}", certificate-authority: ${certificate("ca")} }
users:
  - name: ${client}
    user: { client-certificate: ${certificate(client)}, client-key: ${key(client)} }
contexts:
  - name: ${CONTEXT}
    context: { cluster: ${CONTEXT}, user: ${client} }
`;
