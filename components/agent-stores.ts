import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { connections } from "./connections.ts";
import { COMMON, type DockerService, type DockerStack, renderDocker } from "./docker.ts";
import type { Plan } from "./plan.ts";
import { fill, type SecretRef, secretsIn, type Text, written } from "./secret.ts";

export interface AgentStoresArgs {
  /** From makePlan. */
  plan: Plan;
  /** Credentials by name, e.g. `postgres.admin`: the secret config that `npm run init` generates. */
  credentials: pulumi.Input<Record<string, string>>;
  /** Whether a container that is made counts as made when it is healthy. @default true */
  wait?: boolean;
  /**
   * Name of a network that is there already: the provider takes seconds to make or read one, so `npm run up` and `npm run init` make the stack's.
   * @default the component makes one
   */
  network?: pulumi.Input<string>;
  /** Last-chance edit of a container, for options the kit does not model. */
  transform?: (product: string, container: docker.ContainerArgs) => docker.ContainerArgs;
}

/** The stores of a plan, running in Docker. Pass `provider` in the options to use another engine. */
export class AgentStores extends pulumi.ComponentResource {
  /** Where each product answers, without credentials. */
  readonly endpoints: pulumi.Output<Record<string, string>>;
  /** The variables of `.env`. Secret. */
  readonly env: pulumi.Output<Record<string, string>>;
  /** The variables of `.env.admin`. Secret. */
  readonly adminEnv: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: AgentStoresArgs, opts?: pulumi.ComponentResourceOptions) {
    super("agent-stores:index:AgentStores", name, {}, opts);
    const { plan, wait = true, transform = (_, container) => container } = args;
    const text = resolver(args.credentials);
    const { env, adminEnv, endpoints } = connections(plan);
    const stack = renderDocker(plan);
    const network = () => args.network ?? this.#network(name, stack);
    // The engine cannot tell whether a server without a healthcheck is healthy, so nobody may wait for it to.
    const edit: Edit = (product, container) =>
      transform(product, { ...container, wait: wait && container.healthcheck !== undefined });
    const containers = plan.target === "docker" ? this.#containers(name, stack, network(), text, edit) : [];

    // The variables follow the containers, so an output that can be read is one that answers.
    const ready = pulumi.all(containers.map((container) => container.id));
    const variables = (texts: Record<string, Text>) =>
      pulumi.secret(
        pulumi
          .all([ready, Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, text(value)]))])
          .apply(([, values]) => values),
      );
    this.endpoints = ready.apply(() => endpoints);
    this.env = variables(env);
    this.adminEnv = variables(adminEnv);
    this.registerOutputs({ endpoints: this.endpoints, env: this.env, adminEnv: this.adminEnv });
  }

  #network(name: string, { network }: DockerStack): pulumi.Output<string> {
    const args = { name: network.name, labels: labels(network.labels) };
    return new docker.Network(name, args, { parent: this, deleteBeforeReplace: true }).name;
  }

  #containers(name: string, stack: DockerStack, network: pulumi.Input<string>, text: Resolve, edit: Edit) {
    const child = { parent: this };
    const volumes = new Map(
      stack.volumes.map((volume) => [
        volume.product,
        new docker.Volume(
          `${name}-${volume.product}-data`,
          { name: volume.name, labels: labels(volume.labels) },
          // A setting that changes must not take data along: only `npm run reset` deletes it.
          { parent: this, retainOnDelete: true },
        ),
      ]),
    );
    return stack.services.map((service) => {
      // Kept on the engine: the next `up` need not fetch it again.
      const image = new docker.RemoteImage(
        `${name}-${service.product}`,
        { name: service.image, keepLocally: true },
        child,
      );
      const volume = volumes.get(service.product);
      return new docker.Container(
        `${name}-${service.place}`,
        edit(service.product, containerArgs(service, network, text)),
        {
          parent: this,
          dependsOn: volume ? [image, volume] : [image],
          deleteBeforeReplace: true,
          additionalSecretOutputs: ["uploads", "envs"],
          // The provider records a change of these without applying it (kreuzwerker/terraform-provider-docker#988).
          replaceOnChanges: ["healthcheck", "mounts"],
          // Says how it is made, and nothing of what it is.
          ignoreChanges: ["wait"],
        },
      );
    });
  }
}

type Edit = NonNullable<AgentStoresArgs["transform"]>;

function containerArgs(service: DockerService, network: pulumi.Input<string>, text: Resolve): docker.ContainerArgs {
  const { healthcheck, mount } = service;
  return {
    name: service.name,
    image: service.image,
    command: [...service.args],
    envs: Object.entries(service.env).map(([name, value]) => `${name}=${value}`),
    uploads: service.files.map(({ path, content }) => ({
      file: path,
      content: text(content),
      permissions: `0${COMMON.fileMode.toString(8)}`,
    })),
    user: service.user,
    ports: [...service.ports]
      .sort((one, other) => one.container - other.container)
      .map(({ host, container }) => ({ internal: container, external: host, ip: "127.0.0.1" })),
    mounts: [{ type: mount.type, source: mount.source, target: mount.target }],
    networksAdvanced: [{ name: network, aliases: [service.product, ...service.aliases] }],
    memory: service.memory,
    memorySwap: service.memory,
    shmSize: service.shm,
    cpus: Number.isInteger(service.cpus) ? `${service.cpus}.0` : String(service.cpus),
    ...(healthcheck && {
      healthcheck: {
        tests: ["CMD", ...healthcheck.test],
        interval: duration(healthcheck.interval),
        timeout: duration(healthcheck.timeout),
        retries: healthcheck.retries,
        startPeriod: duration(healthcheck.startPeriod),
      },
    }),
    waitTimeout: service.startup,
    stopSignal: service.stopSignal,
    stopTimeout: service.stopGrace,
    // Without it the provider kills on delete and replace.
    destroyGraceSeconds: service.stopGrace,
    restart: COMMON.restart,
    capabilities: { drops: COMMON.capDrop },
    securityOpts: COMMON.securityOpts,
    logDriver: COMMON.logDriver,
    logOpts: COMMON.logOpts,
    labels: labels(service.labels),
  };
}

/** As the provider reads it back: any other spelling of the same time replaces the container on every update. */
const duration = (seconds: number) => (seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`);

const labels = (labels: Record<string, string>) => Object.entries(labels).map(([label, value]) => ({ label, value }));

type Resolve = (text: Text) => pulumi.Input<string>;

/** Turns text with credentials into a secret output. */
function resolver(credentials: pulumi.Input<Record<string, string>>): Resolve {
  const known = pulumi.secret(credentials);
  return (text) =>
    secretsIn(text).length === 0
      ? fill(text, ({ secret }) => secret)
      : known.apply((values) => fill(text, (ref) => credential(ref, values)));
}

function credential({ secret, as }: SecretRef, values: Record<string, string>): string {
  const value = values[secret];
  if (value === undefined) throw new pulumi.RunError(`The credential ${secret} is missing. Type: npm run init`);
  return written(value, as);
}
