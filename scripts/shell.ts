import { Option } from "commander";
import { row } from "../components/catalogue/index.ts";
import { variablePrefix } from "../components/connections.ts";
import type { Plan, Service } from "../components/plan.ts";
import type { Shell } from "./shell/contract.ts";
import { oursFirst } from "./shell/words.ts";
import { envFiles, readOurs } from "./stack/dotenv.ts";
import { knownPlan } from "./stack/file.ts";
import { requireReachable, serversOf } from "./stack/servers.ts";
import { command } from "./terminal/command.ts";
import { Failure } from "./terminal/report.ts";

/** By the protocol of the product's row. */
const shells: Record<string, () => Promise<{ default: Shell }>> = {
  postgres: () => import("./shell/postgres.ts"),
  pglite: () => import("./shell/pglite.ts"),
  redis: () => import("./shell/redis.ts"),
  sqlite: () => import("./shell/sqlite.ts"),
  s3: () => import("./shell/artifacts.ts"),
  file: () => import("./shell/artifacts.ts"),
  qdrant: () => import("./shell/qdrant.ts"),
  chroma: () => import("./shell/chroma.ts"),
  mongodb: () => import("./shell/mongodb.ts"),
  kafka: () => import("./shell/kafka.ts"),
  otlp: () => import("./shell/otlp.ts"),
};

await command<{ admin?: boolean }>({
  name: "shell",
  summary: "Talk to a product of the stack with its own client: psql, redis-cli, a listing of artifacts, requests.",
  arguments: "[product] [words...]",
  options: [new Option("--admin", "with the account that may do everything; else the application's")],
  help: `Words behind the product go to its client; its exit code is this command's. Examples:
  npm run shell postgres
  npm run shell postgres -- -c 'select count(*) from agents.chunks'
  npm run shell redis -- --admin info memory
  npm run shell minio -- ls -r acme/reports
  npm run shell minio -- help
  npm run shell qdrant -- GET /collections
  npm run shell chroma -- GET /tenants/agent_vectors/databases
  npm run shell mongodb -- '{"ping":1}'
  npm run shell kafka -- topics
  npm run shell jaeger -- GET /api/v3/services`,
  words: oursFirst(process.argv.slice(2)),
  async run({ stack, admin = false }, _report, [product, ...words]) {
    const { plan } = knownPlan(stack);
    const service = serviceOf(plan, product);
    await requireReachable(plan);
    const files = envFiles(stack);
    const [env, adminEnv] = [readOurs(files.app), readOurs(files.admin)];
    const account = admin ? "admin" : "app";
    const url = adminEnv[`${variablePrefix(service.product)}_${account.toUpperCase()}_URL`];
    const open = shells[row(service.product).protocol];
    if (!open) throw new Failure(`${service.product} has no shell`, `Use a client of ${row(service.product).title}.`);
    if (!url) throw new Failure(`.env.admin does not name ${service.product}`, "Type: npm run env");
    const { default: shell } = await open();
    process.exitCode = await shell({
      ...{ service, account, url, env, adminEnv, words },
      inside: (program, variables) => inside(plan, service.product, program, variables),
    });
  },
});

function serviceOf(plan: Plan, product = ""): Service {
  const service = plan.services.find((one) => one.product === product);
  if (service) return service;
  const names = plan.services.map((one) => one.product);
  if (names.length === 0) throw new Failure("every role is set to none: nothing runs", "Type: npm run up -- --help");
  throw new Failure(
    product === "" ? "which product?" : `the stack ${plan.stack} has no product ${JSON.stringify(product)}`,
    names.map((name) => `Type: npm run shell ${name}`).join("\n"),
  );
}

/** Runs a program beside a product's server. */
async function inside(plan: Plan, product: string, program: readonly string[], env: Record<string, string>) {
  const servers = await serversOf(plan);
  const server = (await servers.list()).find((one) => one.product === product);
  if (server?.running) return servers.interactive(product, program, env);
  throw new Failure(
    `${product} does not run: ${server ? `its ${servers.noun} is ${server.state}` : `no ${servers.noun}`}`,
    "Type: npm run up",
  );
}
