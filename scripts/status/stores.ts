import { openFleet } from "../../adapters/index.ts";
import { BY_URL, type Plan } from "../../components/plan.ts";
import { elsewhere } from "../stack/connect.ts";
import { serversOf } from "../stack/servers.ts";

/** What a product is seen to be. */
export interface Store {
  product: string;
  state: string;
  /** `yes`, or what is wrong. */
  answers: string;
  where: string;
  roles: string;
}

/** Whether a store does what it is for. */
export const isSilent = ({ answers, state }: Store) => answers !== "yes" || state === ABSENT;

const ABSENT = "not there";

/** Every product of the plan. `variables` are those of `.env.admin`. */
export async function storesOf(plan: Plan, variables: Record<string, string>): Promise<Store[]> {
  const [answers, servers] = await Promise.all([answersOf(variables), serversIn(plan)]);
  const answerOf = (roles: readonly string[]) =>
    roles
      .map((role) => answers[role] ?? "not asked: no variables, type npm run env")
      .find((answer) => answer !== "yes") ?? "yes";
  const services = plan.services.map(({ product, roles, pending, frozen, ports, data }) => {
    const found = servers?.find((server) => server.product === product);
    const state = servers ? (found?.state ?? ABSENT) : "in your process";
    const where =
      "folder" in data && !servers
        ? data.folder
        : Object.values(ports)
            .map((port) => `127.0.0.1:${port}`)
            .join(" ");
    const swaps = [
      ...pending.map((role) => `(${role}: its swap is unfinished)`),
      ...frozen.filter((role) => !roles.includes(role)).map((role) => `(${role}: frozen, kept of before its swap)`),
    ];
    return { product, state, answers: answerOf(roles), where, roles: [...roles, ...swaps].join(" ") };
  });
  const others = elsewhere(plan, variables).map(({ where, roles }) => {
    return { product: BY_URL, state: "elsewhere", answers: answerOf(roles), where, roles: roles.join(" ") };
  });
  return [...services, ...others];
}

/** Whether each role's store answers, asked with the fleet account. */
async function answersOf(variables: Record<string, string>): Promise<Record<string, string>> {
  if (Object.keys(variables).length === 0) return {};
  const fleet = openFleet(Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, hurried(value)])));
  try {
    const health = await fleet.health();
    return Object.fromEntries(health.map(({ role, ok, detail }) => [role, ok ? "yes" : detail]));
  } finally {
    await fleet.close();
  }
}

/** What each protocol calls its limits: a store that is frozen is told in seconds, where a program would wait for longer. */
const PATIENCE: Record<string, Record<string, string>> = {
  "postgres:": { connect_timeout: "3", statement_timeout: "3000" },
  "redis:": { connect_timeout: "3", command_timeout: "3000" },
  "s3:": { timeout: "3000" },
  "azblob:": { timeout: "3000" },
  "gs:": { timeout: "3000" },
  "qdrant:": { timeout: "3000" },
  "chroma:": { timeout: "3000" },
  "mongodb:": { timeout: "3000" },
  "kafka:": { timeout: "3000" },
  "otlp:": { timeout: "3000" },
};

function hurried(value: string): string {
  const at = URL.parse(value);
  if (!at) return value;
  for (const [name, limit] of Object.entries(PATIENCE[at.protocol] ?? {})) at.searchParams.set(name, limit);
  return at.href;
}

const serversIn = async (plan: Plan) => (plan.target === "embedded" ? undefined : (await serversOf(plan)).list());
