import { row } from "./catalogue/index.ts";
import { bySecrecy, bytes, containerPorts, type File, filesOf, keyOf, podSpec } from "./kubernetes-pod.ts";
import type { Plan, Service } from "./plan.ts";
import type { Container } from "./product.ts";
import type { Text } from "./secret.ts";

/** An object of the cluster. Plain data, but for the values of Secrets, which are text that may hold credentials. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string | Digest>;
  };
  [field: string]: unknown;
}

/** The SHA-256 of these texts, which only a renderer that knows the credentials can write down: what changes it starts the server anew. */
export interface Digest {
  digestOf: readonly Text[];
}

export const isDigest = (value: unknown): value is Digest =>
  typeof value === "object" && value !== null && "digestOf" in value;

/** A whole stack on a cluster. */
export interface KubernetesStack {
  /** Not the component's: it outlives `down`, and the claims with it. */
  namespace: Manifest;
  /** Empty while the stack is down. */
  objects: Manifest[];
}

/** Pods that may reach the stores carry it, beside the stores' own. */
export const CLIENT_LABEL = "agent-stores/client";

/** Labels by which everything that a stack made is found again. */
export const labelsOf = (stack: string, product?: string): Record<string, string> => ({
  "app.kubernetes.io/managed-by": "agent-stores",
  "app.kubernetes.io/instance": stack,
  ...(product && { "app.kubernetes.io/name": product }),
});

/** Renders a plan for Kubernetes. Pure: the component registers this, `export kubernetes` writes it down. */
export function renderKubernetes(plan: Plan): KubernetesStack {
  const { namespace } = plan.cluster;
  const services = plan.services.filter(({ product }) => row(product).container);
  const objects = services.length === 0 ? [] : [quota(plan, services), ...policies(plan, services)];
  objects.push(...services.flatMap((service) => renderService(plan, service)));
  for (const { metadata } of objects) metadata.namespace = namespace;
  return { namespace: namespaceOf(plan), objects: plan.running ? objects : [] };
}

const namespaceOf = ({ stack, cluster, root }: Plan): Manifest => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name: cluster.namespace,
    labels: {
      ...labelsOf(stack),
      "pod-security.kubernetes.io/enforce": "restricted",
      "pod-security.kubernetes.io/warn": "restricted",
    },
    annotations: { "agent-stores/root": root },
  },
});

/** Nothing that joins the stack in its namespace may take more than the plan does, and a rolling change no more than once beside it. */
function quota({ stack }: Plan, services: readonly Service[]): Manifest {
  const sum = (of: (service: Service) => number) => services.reduce((all, service) => all + of(service), 0);
  return {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "agent-stores", labels: labelsOf(stack) },
    spec: {
      hard: {
        "limits.memory": bytes(2 * sum(({ budget }) => budget.memory)),
        "limits.cpu": String(2 * sum(({ budget }) => budget.cpu)),
        pods: String(4 * services.length),
      },
    },
  };
}

/** Nobody reaches a store but the stack's own pods and those of the namespace that say they are clients; a store reaches nothing but the cluster's names. */
function policies({ stack }: Plan, services: readonly Service[]): Manifest[] {
  const policy = (name: string, spec: object): Manifest => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name, labels: labelsOf(stack) },
    spec,
  });
  const ours = { podSelector: { matchLabels: labelsOf(stack) } };
  const clients = { podSelector: { matchLabels: { [CLIENT_LABEL]: "true" } } };
  const names = { to: [{ namespaceSelector: {} }], ports: ["UDP", "TCP"].map((protocol) => ({ protocol, port: 53 })) };
  return [
    policy("agent-stores-deny", { ...ours, policyTypes: ["Ingress", "Egress"], egress: [names, { to: [ours] }] }),
    ...services.map(({ product }) =>
      policy(product, {
        podSelector: { matchLabels: labelsOf(stack, product) },
        policyTypes: ["Ingress"],
        ingress: [
          { from: [ours] },
          { from: [clients], ports: containerPorts(product).map(({ containerPort: port }) => ({ port })) },
        ],
      }),
    ),
  ];
}

function renderService(plan: Plan, service: Service): Manifest[] {
  const { product } = service;
  const { container } = row(product);
  if (!container) throw new Error(`${product} has no container`);
  const metadata = (name: string) => ({ name, labels: labelsOf(plan.stack, product) });
  const selector = labelsOf(plan.stack, product);
  const ports = containerPorts(product).map(({ name, containerPort: port }) => ({ name, port, targetPort: name }));
  const files = filesOf(service, container);
  const { secrets, plain } = bySecrecy(files);
  return [
    ...(secrets.length > 0
      ? [
          {
            apiVersion: "v1",
            kind: "Secret",
            metadata: metadata(`${product}-files`),
            type: "Opaque",
            stringData: Object.fromEntries(secrets.map(({ path, content }) => [keyOf(path), content])),
          },
        ]
      : []),
    ...(plain.length > 0
      ? [
          {
            apiVersion: "v1",
            kind: "ConfigMap",
            metadata: metadata(`${product}-files`),
            data: Object.fromEntries(plain.map(({ path, content }) => [keyOf(path), content])),
          },
        ]
      : []),
    { apiVersion: "v1", kind: "Service", metadata: metadata(product), spec: { selector, ports } },
    // By an alias, the stack's own servers reach ports that nobody else is told.
    ...[`${product}-headless`, ...(container.alias ? [container.alias] : [])].map((name) => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: metadata(name),
      spec: { clusterIP: "None", publishNotReadyAddresses: true, selector, ports },
    })),
    {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: metadata(product),
      // A least number of one would keep a node with the only server from being drained, for ever.
      spec: { maxUnavailable: 1, selector: { matchLabels: selector } },
    },
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: metadata(product),
      spec: statefulSet(plan, service, container, files),
    },
  ];
}

function statefulSet(plan: Plan, service: Service, container: Container, files: readonly File[]) {
  const { product, budget } = service;
  const digest: Digest = { digestOf: files.map(({ content }) => content) };
  const labels = labelsOf(plan.stack, product);
  return {
    replicas: 1,
    serviceName: `${product}-headless`,
    podManagementPolicy: "Parallel",
    selector: { matchLabels: labels },
    // Claims are no resources of whoever made the set: `down` keeps them, `reset` deletes them by their labels.
    persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
    volumeClaimTemplates: [
      {
        metadata: { name: "data", labels },
        spec: {
          accessModes: ["ReadWriteOnce"],
          ...(plan.cluster.storageClass && { storageClassName: plan.cluster.storageClass }),
          resources: { requests: { storage: bytes(budget.disk) } },
        },
      },
    ],
    template: {
      metadata: { labels, annotations: { "agent-stores/files": digest } },
      spec: podSpec(service, container, files),
    },
  };
}
