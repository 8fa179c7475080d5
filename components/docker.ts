import { row } from "./catalogue/index.ts";
import { at, credentialOwner, type Plan, type Service } from "./plan.ts";
import { type Container, MiB } from "./product.ts";
import type { Text } from "./secret.ts";

/** A container as Docker understands it; what a Pulumi resource and a compose service are both made from. */
export interface DockerService {
  product: string;
  /**
   * The product in whose place it stands, which names the Pulumi resource: the next one there replaces it, so that the old one has left the port before the
   * new one comes.
   */
  place: string;
  name: string;
  image: string;
  args: readonly string[];
  env: Record<string, string>;
  /** Put in before the start; never in the image or in `docker inspect`. */
  files: { path: string; content: Text }[];
  user: string;
  ports: { host: number; container: number }[];
  mount: { type: "volume" | "bind"; source: string; target: string };
  /** MiB; swap is limited to the same, so that the limit is one. */
  memory: number;
  shm: number;
  cpus: number;
  /** Names besides its product's on the stack's network. */
  aliases: readonly string[];
  /** A command, run inside every `interval` seconds; none for an image that has no program for it. */
  healthcheck?: { test: readonly string[]; interval: number; timeout: number; retries: number; startPeriod: number };
  /** The URL to ask from outside instead. */
  answersAt?: string;
  stopSignal: string;
  stopGrace: number;
  /** Longest wait for `healthy`, in seconds. */
  startup: number;
  labels: Record<string, string>;
}

/** A whole stack on a Docker engine. */
export interface DockerStack {
  network: { name: string; labels: Record<string, string> };
  volumes: { name: string; product: string; labels: Record<string, string> }[];
  /** Empty while the stack is down. */
  services: DockerService[];
}

/** What holds for every container. */
export const COMMON = {
  // Readable inside the container, which has one user: an engine cannot give a file to a user that the host does not know.
  fileMode: 0o444,
  restart: "unless-stopped",
  capDrop: ["ALL"],
  securityOpts: ["no-new-privileges:true"],
  // Docker keeps logs without end unless told.
  logDriver: "json-file",
  logOpts: { "max-size": "10m", "max-file": "3" },
};

/** How long one probe may take. */
export const PROBE_SECONDS = 5;

/** Labels by which everything that a stack made is found again. */
export const labelsOf = (stack: string, product?: string): Record<string, string> => ({
  "agent-stores.stack": stack,
  ...(product && { "agent-stores.product": product }),
});

/** The checkout that runs a container or network. Not on volumes: a project that moves keeps its data. */
const OWNER = "agent-stores.root";

export const networkName = (stack: string) => `agent-stores-${stack}`;
export const containerName = (stack: string, product: string) => `agent-stores-${stack}-${product}`;

/** Renders a plan for Docker. Pure: the component registers this, compose writes it down. */
export function renderDocker(plan: Plan): DockerStack {
  const services = plan.services.filter(({ product }) => row(product).container);
  return {
    network: { name: networkName(plan.stack), labels: { ...labelsOf(plan.stack), [OWNER]: plan.root } },
    volumes: services.flatMap(({ product, data }) =>
      "volume" in data ? [{ name: data.volume, product, labels: labelsOf(plan.stack, product) }] : [],
    ),
    services: plan.running ? services.map((service) => renderService(plan, service, placeOf(service, services))) : [],
  };
}

/** Its own name, where a plan has two of a kind. */
function placeOf({ product }: Service, all: readonly Service[]): string {
  const owner = credentialOwner(product);
  const first = all.find((other) => credentialOwner(other.product) === owner);
  if (first?.product === product) return owner;
  // The first has taken that name, whatever its product's is.
  return product === owner ? `${product}-beside` : product;
}

/** The probe as a command for the engine to run inside; none where the image has no program for it. */
function testOf({ probe, ports }: Container): readonly string[] | undefined {
  if ("host" in probe) return undefined;
  if ("exec" in probe) return probe.exec;
  const { port, path, by } = probe.http;
  const url = `http://127.0.0.1:${ports[port]?.container}${path}`;
  return [by, "-fsS", "-o", "/dev/null", "--max-time", String(PROBE_SECONDS - 1), url];
}

function sourceOf(data: Service["data"]): { type: "volume" | "bind"; source: string } {
  if ("volume" in data) return { type: "volume", source: data.volume };
  if ("folder" in data) return { type: "bind", source: data.folder };
  throw new Error(`the claim ${data.claim} is a cluster's, and no engine can mount it`);
}

function renderService({ stack, root }: Plan, service: Service, place: string): DockerService {
  const { product, data, budget, user } = service;
  const { container } = row(product);
  if (!container) throw new Error(`${product} has no container`);
  const here = at(service);
  const test = testOf(container);
  return {
    product,
    place,
    name: containerName(stack, product),
    image: service.image,
    args: container.args(here),
    env: container.env(here),
    files: Object.entries(container.files(here)).map(([path, { content }]) => ({ path, content })),
    user,
    ports: Object.entries(container.ports).map(([name, port]) => ({
      host: service.ports[name] ?? port.host,
      container: port.container,
    })),
    mount: { ...sourceOf(data), target: container.data },
    memory: Math.floor(budget.memory / MiB),
    shm: Math.floor((container.shm?.(here) ?? 64 * MiB) / MiB),
    cpus: budget.cpu,
    aliases: container.alias ? [container.alias] : [],
    // Stopped for good shows after (interval + timeout) × retries = 21 s; ready shows after one interval.
    ...(test && {
      healthcheck: { test, interval: 2, timeout: PROBE_SECONDS, retries: 3, startPeriod: container.startup },
    }),
    ...("host" in container.probe && {
      answersAt: `http://${here.host}:${here.ports[container.probe.host.port]}${container.probe.host.path}`,
    }),
    stopSignal: container.stop.signal,
    stopGrace: container.stop.grace,
    startup: container.startup,
    labels: { ...labelsOf(stack, product), [OWNER]: root },
  };
}
