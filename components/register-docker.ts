import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import type { AgentStoresArgs } from "./agent-stores.ts";
import { COMMON, type DockerService, type DockerStack, renderDocker } from "./docker.ts";
import type { Resolve } from "./resolve.ts";

/** Registers what a plan is in Docker, below `parent`. Resolves to the containers. */
export function registerContainers(
  parent: pulumi.Resource,
  name: string,
  args: AgentStoresArgs,
  text: Resolve,
): docker.Container[] {
  const { plan, wait = true, transform = (_, container) => container } = args;
  const stack = renderDocker(plan);
  const network = args.network ?? makeNetwork(parent, name, stack);
  const volumes = new Map(
    stack.volumes.map((volume) => [
      volume.product,
      new docker.Volume(
        `${name}-${volume.product}-data`,
        { name: volume.name, labels: labels(volume.labels) },
        // A setting that changes must not take data along: only `npm run reset` deletes it.
        { parent, retainOnDelete: true },
      ),
    ]),
  );
  return stack.services.map((service) => {
    // Kept on the engine: the next `up` need not fetch it again.
    const image = new docker.RemoteImage(
      `${name}-${service.product}`,
      { name: service.image, keepLocally: true },
      { parent },
    );
    const volume = volumes.get(service.product);
    // The engine cannot tell whether a server without a healthcheck is healthy, so nobody may wait for it to.
    const waits = wait && service.healthcheck !== undefined;
    return new docker.Container(
      `${name}-${service.place}`,
      transform(service.product, { ...containerArgs(service, network, text), wait: waits }),
      {
        parent,
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

function makeNetwork(parent: pulumi.Resource, name: string, { network }: DockerStack): pulumi.Output<string> {
  const args = { name: network.name, labels: labels(network.labels) };
  return new docker.Network(name, args, { parent, deleteBeforeReplace: true }).name;
}

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
