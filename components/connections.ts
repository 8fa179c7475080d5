import { row } from "./catalogue/index.ts";
import { at, type Plan, urlKey } from "./plan.ts";
import { ACCOUNTS, type Account, type Role } from "./product.ts";
import { type SecretRef, secretsIn, type Text } from "./secret.ts";

/** All that passes from provisioning to use: variables, as text that may hold credentials. */
export interface Connections {
  /** `.env`: tenant work with least rights. */
  env: Record<string, Text>;
  /** `.env.admin`: prepare, and work across tenants. */
  adminEnv: Record<string, Text>;
  /** Where each product answers, without credentials. */
  endpoints: Record<string, string>;
}

/** The variable of `.env.admin` that holds a credential itself, for tools that start containers without Pulumi. */
export const secretVariable = ({ secret, as }: SecretRef) =>
  `AGENT_STORES_${[secret, as ?? []]
    .flat()
    .join("_")
    .replaceAll(/[^A-Za-z0-9]/g, "_")
    .toUpperCase()}`;

/** How a product's variables of `.env.admin` begin. */
export const variablePrefix = (product: string): string => product.toUpperCase().replaceAll("-", "_");

/** `<ROLE>_URL` for each role, what other clients expect, and one URL for each account of each product. */
export function connections(plan: Plan): Connections {
  const env: Record<string, Text> = {};
  const adminEnv: Record<string, Text> = {};
  const endpoints: Record<string, string> = {};
  if (!plan.running) return { env, adminEnv, endpoints };
  for (const service of plan.services) {
    const { urls, variables, container, artifactIndex } = row(service.product);
    const here = at(service);
    const url = urls(here);
    const told = at({ ...service, ports: service.told });
    const { app } = urls(told);
    for (const role of service.roles.filter((one) => plan.bindings[one] === service.product)) {
      env[`${role.toUpperCase()}_URL`] = app;
      adminEnv[`${role.toUpperCase()}_URL`] = url.fleet;
    }
    // Others' clients must not find what does not serve yet.
    if (service.roles.length > 0) Object.assign(env, variables?.(told));
    const prefix = variablePrefix(service.product);
    for (const account of ACCOUNTS) adminEnv[`${prefix}_${account.toUpperCase()}_URL`] = url[account];
    if (service.frozen.length > 0) adminEnv[`${prefix}_FROZEN`] = service.frozen.join(" ");
    for (const ref of secretsIn(container?.files(here))) adminEnv[secretVariable(ref)] = ref;
    if (artifactIndex && plan.bindings.artifact && service.roles.length > 0) {
      env.ARTIFACT_INDEX_URL ??= app;
      adminEnv.ARTIFACT_INDEX_URL ??= url.fleet;
    }
    endpoints[service.product] =
      Object.values(service.ports)
        .map((port) => `${here.host}:${port}`)
        .join(" ") || here.folder;
  }
  for (const [role, accounts] of Object.entries(plan.urls) as [Role, readonly Account[]][]) {
    const given = (...wanted: Account[]) => ({
      secret: urlKey(role, wanted.find((one) => accounts.includes(one)) ?? "app"),
    });
    const name = role.toUpperCase();
    env[`${name}_URL`] = given("app");
    adminEnv[`${name}_URL`] = given("fleet", "admin");
    // Without an account that may do it, others prepare it.
    const prepared = accounts.includes("admin") ? ACCOUNTS : accounts.filter((account) => account === "owner");
    for (const account of prepared)
      adminEnv[`${name}_ELSEWHERE_${account.toUpperCase()}_URL`] = given(account, account === "app" ? "app" : "admin");
  }
  return { env, adminEnv, endpoints };
}
