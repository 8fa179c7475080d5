import { posix } from "node:path";
import { row } from "./catalogue/index.ts";
import { at, type Plan, type Service } from "./plan.ts";
import { type Container, MiB } from "./product.ts";
import { secretsIn, type Text } from "./secret.ts";

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

/** How long one probe may take, and how often one is made, in seconds. */
const PROBE = { timeoutSeconds: 5, periodSeconds: 5 };
/** A server's own files are small, and what it keeps lies in its claim. */
const SCRATCH = "256Mi";

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
  const files = Object.entries(container.files(at(service)));
  const { secrets, plain } = filesOf(files.map(([path, { content }]) => ({ path, content })));
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
      spec: statefulSet(plan, service, container),
    },
  ];
}

const containerPorts = (product: string) =>
  Object.entries(row(product).container?.ports ?? {}).map(([name, { container }]) => ({
    name,
    containerPort: container,
  }));

interface File {
  path: string;
  content: Text;
}

const filesOf = (files: readonly File[]) => ({
  secrets: files.filter(({ content }) => secretsIn(content).length > 0),
  plain: files.filter(({ content }) => secretsIn(content).length === 0),
});

/** A path as the key of a Secret or ConfigMap. */
const keyOf = (path: string) => path.slice(1).replaceAll("/", ".");

function statefulSet(plan: Plan, service: Service, container: Container) {
  const { product, budget } = service;
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
      metadata: { labels, annotations: { "agent-stores/files": digestOf(container, service) } },
      spec: podSpec(service, container),
    },
  };
}

const digestOf = (container: Container, service: Service): Digest => ({
  digestOf: Object.values(container.files(at(service))).map(({ content }) => content),
});

function podSpec(service: Service, container: Container) {
  const [uid, gid] = service.user.split(":").map(Number);
  const { mounts, volumes } = volumesOf(service, container);
  return {
    // Kubernetes puts the address of each service into the environment, which some servers take for settings.
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: container.stop.grace + STOP_MARGIN,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: uid,
      runAsGroup: gid,
      fsGroup: gid,
      // Of a big volume it would take minutes at every start.
      fsGroupChangePolicy: "OnRootMismatch",
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [
      {
        name: service.product,
        image: service.image,
        imagePullPolicy: "IfNotPresent",
        args: container.args(at(service)),
        env: Object.entries(container.env(at(service))).map(([name, value]) => ({ name, value })),
        ports: containerPorts(service.product),
        resources: resourcesOf(service),
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
          readOnlyRootFilesystem: container.writesRoot === undefined,
        },
        ...probes(container),
        ...stopping(container),
        volumeMounts: mounts,
      },
    ],
    volumes,
  };
}

/** Beyond what the server may take to stop: the kubelet's own work. */
const STOP_MARGIN = 5;

/** Memory that is promised is what may be used: a store that is killed for another's greed loses time. Cores are shared. */
const resourcesOf = ({ budget: { cpu, memory } }: Service) => ({
  requests: { cpu: `${Math.max(50, Math.round(cpu * 100))}m`, memory: bytes(memory) },
  limits: { cpu: String(cpu), memory: bytes(memory) },
});

/** Startup and readiness ask the server; that it still listens is all that decides over its life, or a long recovery would be its end. */
function probes({ probe, ports, startup }: Container) {
  const [first] = Object.keys(ports);
  const asks = "exec" in probe ? { exec: { command: probe.exec } } : { httpGet: httpOf(probe) };
  return {
    startupProbe: { ...asks, timeoutSeconds: PROBE.timeoutSeconds, periodSeconds: 1, failureThreshold: startup },
    readinessProbe: { ...asks, ...PROBE, failureThreshold: 3 },
    livenessProbe: {
      tcpSocket: { port: first },
      timeoutSeconds: PROBE.timeoutSeconds,
      periodSeconds: 10,
      failureThreshold: 6,
    },
  };
}

/** The kubelet asks from outside, whatever programs the image has. */
function httpOf(probe: Exclude<Container["probe"], { exec: unknown }>) {
  const { port, path } = "http" in probe ? probe.http : probe.host;
  return { port, path };
}

/** A cluster sends the image's own signal, or SIGTERM: another one is sent before it. */
function stopping({ stop }: Container) {
  if (stop.signal === "SIGTERM") return {};
  const command = ["sh", "-c", `kill -s ${stop.signal.slice(3)} 1; while kill -0 1; do sleep 1; done`];
  return { lifecycle: { preStop: { exec: { command } } } };
}

function volumesOf(service: Service, container: Container) {
  const { product } = service;
  const files = Object.entries(container.files(at(service))).map(([path, { content }]) => ({ path, content }));
  const mounts: object[] = [{ name: "data", mountPath: container.data }];
  const volumes: object[] = [];
  for (const [index, folder] of [...new Set(files.map(({ path }) => posix.dirname(path)))].entries()) {
    const here = files.filter(({ path }) => posix.dirname(path) === folder);
    const { secrets, plain } = filesOf(here);
    const items = (some: readonly File[]) => some.map(({ path }) => ({ key: keyOf(path), path: posix.basename(path) }));
    const sources = [
      ...(secrets.length > 0 ? [{ secret: { name: `${product}-files`, items: items(secrets) } }] : []),
      ...(plain.length > 0 ? [{ configMap: { name: `${product}-files`, items: items(plain) } }] : []),
    ];
    volumes.push({ name: `files-${index}`, projected: { defaultMode: 0o444, sources } });
    mounts.push({ name: `files-${index}`, mountPath: folder, readOnly: true });
  }
  const scratch = (container.writable ?? ["/tmp"]).filter((path) => path !== container.data);
  for (const [index, path] of scratch.entries()) {
    volumes.push({ name: `scratch-${index}`, emptyDir: { sizeLimit: SCRATCH } });
    mounts.push({ name: `scratch-${index}`, mountPath: path });
  }
  if (container.shm) {
    volumes.push({ name: "shm", emptyDir: { medium: "Memory", sizeLimit: bytes(container.shm(at(service))) } });
    mounts.push({ name: "shm", mountPath: "/dev/shm" });
  }
  return { mounts, volumes };
}

/** As the API server writes it back. */
const bytes = (count: number) => `${Math.floor(count / MiB)}Mi`;
