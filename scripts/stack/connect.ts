import { messageOf, StoreError } from "../../adapters/errors.ts";
import { type PrepareReport, prepare } from "../../adapters/prepare/index.ts";
import { row } from "../../components/catalogue/index.ts";
import { connections, variablePrefix } from "../../components/connections.ts";
import { at, type Plan } from "../../components/plan.ts";
import type { Role } from "../../components/product.ts";
import { fill } from "../../components/secret.ts";
import { count, Failure } from "../terminal/report.ts";
import { type Deployed, outputs } from "./deploy.ts";
import { envFiles, writeEnv } from "./dotenv.ts";
import { serversOf } from "./servers.ts";

/** Writes `.env` and `.env.admin` from the running stack, then prepares its stores. Resolves to what was done. */
export async function connect(plan: Plan): Promise<string> {
  const { adminEnv } = await writeConnections(plan);
  const reports = await prepareReconciling(plan, adminEnv);
  return reports.map(describe).filter(Boolean).join(" · ") || "ready";
}

function describe({ product, roles, migrations, applied }: PrepareReport): string {
  const done = [
    roles.length > 0 && count(roles.length, "account"),
    migrations > 0 && `${migrations} migrations${applied.length > 0 ? ` (${applied.length} new)` : ""}`,
  ].filter(Boolean);
  return done.length > 0 ? `${product}: ${done.join(", ")}` : "";
}

/** Writes both files; the connections of an embedded stack come straight from its plan. */
export async function writeConnections(plan: Plan): Promise<Deployed> {
  const deployed = plan.target === "embedded" ? embedded(plan) : await outputs(plan.stack);
  if (Object.keys(plan.bindings).length > 0 && Object.keys(deployed.env).length === 0)
    throw new Failure(`Pulumi has no stack ${plan.stack} that is up`, "Type: npm run up");
  const { app, admin } = envFiles(plan.stack);
  writeEnv(app, deployed.env);
  writeEnv(admin, deployed.adminEnv);
  return deployed;
}

function embedded(plan: Plan): Deployed {
  const { env, adminEnv } = connections(plan);
  const plain = (texts: typeof env) =>
    Object.fromEntries(
      Object.entries(texts).map(([name, text]) => [name, fill(text, ({ secret }) => missing(secret))]),
    );
  return { env: plain(env), adminEnv: plain(adminEnv) };
}

function missing(secret: string): never {
  throw new Failure(
    `${secret} is a secret, which an embedded stack has no place for`,
    "Use target docker, or set the variable in your own environment.",
  );
}

/** Prepares; where a server has other passwords than the configuration, gives it ours through its own socket and tries again. */
async function prepareReconciling(plan: Plan, adminEnv: Record<string, string>): Promise<PrepareReport[]> {
  try {
    return await prepare(adminEnv);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "denied" || plan.target === "embedded") throw error;
    for (const service of plan.services) await reconcile(plan, service.product, adminEnv);
    return prepare(adminEnv);
  }
}

async function reconcile(plan: Plan, product: string, adminEnv: Record<string, string>): Promise<void> {
  const service = plan.services.find((one) => one.product === product);
  const action = service && row(product).container?.reconcile?.(at(service));
  if (!action) return;
  const prefix = variablePrefix(product);
  const input = fill(action.input, ({ secret }) => {
    const account = secret.split(".")[1] ?? "";
    return decodeURIComponent(new URL(adminEnv[`${prefix}_${account.toUpperCase()}_URL`] ?? "none:").password);
  });
  const servers = await serversOf(plan);
  await servers.inside(product, action.exec, input).catch((error) => {
    throw new Failure(
      `the data of ${product} has other passwords than the settings, and its local socket refuses us: ${messageOf(error)}`,
      "Put the old credentials back, or give the data up: npm run reset",
    );
  });
}

/** The stores that run elsewhere, each once with the roles that it fills, by the variables of `.env.admin`. */
export function elsewhere(plan: Plan, variables: Record<string, string>): { where: string; roles: Role[] }[] {
  const roles = Object.keys(plan.urls) as Role[];
  const byPlace = Map.groupBy(roles, (role) => {
    const at = URL.parse(variables[`${role.toUpperCase()}_URL`] ?? "");
    return at ? `${at.protocol}//${at.host}${at.pathname}` : "no variables, type npm run env";
  });
  return [...byPlace].map(([where, filled]) => ({ where, roles: filled }));
}

/** Takes our variables out of `.env` and `.env.admin`: there is nothing behind them any more. The user's lines stay. */
export function connectionsGone(stack: string): void {
  for (const path of Object.values(envFiles(stack))) writeEnv(path, {});
}
