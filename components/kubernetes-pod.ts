import { posix } from "node:path";
import { row } from "./catalogue/index.ts";
import { at, type Service } from "./plan.ts";
import { type Container, MiB } from "./product.ts";
import { secretsIn, type Text } from "./secret.ts";

/** How long one probe may take, and how often one is made, in seconds. */
const PROBE = { timeoutSeconds: 5, periodSeconds: 5 };
/** A server's own files are small, and what it keeps lies in its claim. */
const SCRATCH = "256Mi";

/** The pod of a product's one server: what it runs, as whom, with how much, and what it is asked. */
export function podSpec(service: Service, container: Container, files: readonly File[]) {
  const [uid, gid] = service.user.split(":").map(Number);
  const here = at(service);
  const { mounts, volumes } = volumesOf(service.product, container, files, container.shm?.(here));
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
        args: container.args(here),
        env: Object.entries(container.env(here)).map(([name, value]) => ({ name, value })),
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

function volumesOf(product: string, container: Container, files: readonly File[], shm: number | undefined) {
  const mounts: object[] = [{ name: "data", mountPath: container.data }];
  const volumes: object[] = [];
  for (const [index, folder] of [...new Set(files.map(({ path }) => posix.dirname(path)))].entries()) {
    const here = files.filter(({ path }) => posix.dirname(path) === folder);
    const { secrets, plain } = bySecrecy(here);
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
  if (shm !== undefined) {
    volumes.push({ name: "shm", emptyDir: { medium: "Memory", sizeLimit: bytes(shm) } });
    mounts.push({ name: "shm", mountPath: "/dev/shm" });
  }
  return { mounts, volumes };
}

/** A container's ports by their names. */
export const containerPorts = (product: string) =>
  Object.entries(row(product).container?.ports ?? {}).map(([name, { container }]) => ({
    name,
    containerPort: container,
  }));

export interface File {
  path: string;
  content: Text;
}

/** The files that a server reads. */
export const filesOf = (service: Service, { files }: Container): File[] =>
  Object.entries(files(at(service))).map(([path, { content }]) => ({ path, content }));

/** Those that hold credentials, and those that hold none. */
export const bySecrecy = (files: readonly File[]) => ({
  secrets: files.filter(({ content }) => secretsIn(content).length > 0),
  plain: files.filter(({ content }) => secretsIn(content).length === 0),
});

/** A path as the key of a Secret or ConfigMap. */
export const keyOf = (path: string) => path.slice(1).replaceAll("/", ".");

/** As the API server writes it back. */
export const bytes = (count: number) => `${Math.floor(count / MiB)}Mi`;
