import type * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { connections } from "./connections.ts";
import type { Plan } from "./plan.ts";
import { registerContainers } from "./register-docker.ts";
import { registerObjects } from "./register-kubernetes.ts";
import { type Resolve, resolver } from "./resolve.ts";
import type { Text } from "./secret.ts";

export interface AgentStoresArgs {
  /** From makePlan. */
  plan: Plan;
  /** Credentials by name, e.g. `postgres.admin`: the secret config that `npm run init` generates. */
  credentials: pulumi.Input<Record<string, string>>;
  /** Docker: whether a container that is made counts as made when it is healthy. @default true */
  wait?: boolean;
  /**
   * Docker: name of a network that is there already: the provider takes seconds to make or read one, so `npm run up` and `npm run init` make the stack's.
   * @default the component makes one
   */
  network?: pulumi.Input<string>;
  /** Docker: last-chance edit of a container, for options the kit does not model. */
  transform?: (product: string, container: docker.ContainerArgs) => docker.ContainerArgs;
}

/** The stores of a plan, running in Docker or Kubernetes. Pass `provider` in the options to use another engine or cluster. */
export class AgentStores extends pulumi.ComponentResource {
  /** Where each product answers, without credentials. */
  readonly endpoints: pulumi.Output<Record<string, string>>;
  /** The variables of `.env`. Secret. */
  readonly env: pulumi.Output<Record<string, string>>;
  /** The variables of `.env.admin`. Secret. */
  readonly adminEnv: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: AgentStoresArgs, opts?: pulumi.ComponentResourceOptions) {
    super("agent-stores:index:AgentStores", name, {}, opts);
    const { plan } = args;
    const text = resolver(args.credentials);
    const { env, adminEnv, endpoints } = connections(plan);

    // The variables follow the servers, so an output that can be read is one that answers.
    const ready = pulumi.all(this.#servers(name, args, text).map(({ id }) => id));
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

  #servers(name: string, args: AgentStoresArgs, text: Resolve): pulumi.CustomResource[] {
    const { target } = args.plan;
    if (target === "docker") return registerContainers(this, name, args, text);
    return target === "kubernetes" ? registerObjects(this, name, args.plan, text) : [];
  }
}
