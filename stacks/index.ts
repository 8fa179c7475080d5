import * as docker from "@pulumi/docker";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { AgentStores } from "../components/agent-stores.ts";
import { networkName } from "../components/docker.ts";
import { makePlan } from "../components/plan.ts";
import { here, readCredentials } from "./place.ts";
import { parse } from "./settings.ts";

const config = pulumi.runtime.allConfig();
const plan = makePlan(parse(pulumi.getStack(), config), here());
const credentials = readCredentials(plan, config);
const providers = {
  docker: () => [new docker.Provider("engine", plan.engineHost ? { host: plan.engineHost } : {})],
  kubernetes: () => [
    new kubernetes.Provider("cluster", {
      context: plan.cluster.context,
      namespace: plan.cluster.namespace,
      enableSecretMutable: true,
    }),
  ],
  embedded: () => [],
};
const network = networkName(plan.stack);
// Whoever runs this and looks for readiness itself says so.
const wait = process.env.AGENT_STORES_WAIT !== "no";
const stores = new AgentStores("stores", { plan, credentials, network, wait }, { providers: providers[plan.target]() });

export const { endpoints, env, adminEnv } = stores;
