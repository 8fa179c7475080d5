import { catalogue, filledRoles } from "../../components/catalogue/index.ts";
import type { Plan, Settings } from "../../components/plan.ts";
import type { Role } from "../../components/product.ts";
import { type Change, knownPlan, requireRunning } from "../stack/file.ts";
import { Failure } from "../terminal/report.ts";

/** What is rehearsed: a product of a stack that is up, and the roles that it serves there. */
export interface Rehearsal {
  product: string;
  roles: Role[];
  /** The image that it runs now. */
  image: string;
  settings: Settings;
  plan: Plan;
}

export function rehearsalOf(stack: string, product: string): Rehearsal {
  const { settings, plan } = knownPlan(stack);
  if (plan.target === "kubernetes")
    throw new Failure(
      "a rehearsal runs in docker, and the target is kubernetes",
      "Move a copy there: npm run snapshot before   then, on a machine with docker: npm run up -- --stack try && npm run restore -- --stack try before --from <stack>",
    );
  if (plan.target !== "docker")
    throw new Failure(`products of target ${plan.target} have no image`, "They change with the packages: npm install");
  requireRunning(plan);
  const service = plan.services.find((one) => one.product === product);
  if (!service || service.roles.length === 0) {
    const mend = `It runs: ${plan.services.map((one) => one.product).join(", ")}`;
    throw new Failure(
      catalogue.has(product)
        ? `${product} serves no role of the stack ${stack}`
        : `there is no product ${JSON.stringify(product)}`,
      mend,
    );
  }
  if (service.roles.every((role) => role === "trace"))
    throw new Failure(
      `${product} holds spans alone, which no snapshot takes along`,
      "Look at its release notes, then: npm run up",
    );
  return { product, roles: service.roles, image: service.image, settings, plan };
}

/** The name of the throw-away stack. */
export const nameOf = (stack: string): string => `${stack.slice(0, 30)}-rehearsal`;

/** The settings of the throw-away stack: this product alone, as the stack has it, with another image and on ports that nobody uses. */
export function settingsOf({ product, roles, settings }: Rehearsal, image: string): Change[] {
  const { options, budgets, engineHost, environment } = settings;
  const nested = (key: string, values: Record<string, unknown> = {}) =>
    Object.entries(values).map(([name, value]) => ({ path: [key, product, name], value }));
  return [
    { path: ["target"], value: "docker" },
    { path: ["environment"], value: environment },
    { path: ["engineHost"], value: engineHost },
    { path: ["hostPorts"], value: "auto" },
    { path: ["running"], value: true },
    { path: ["images", product], value: image },
    ...filledRoles.map((role) => ({ path: [role], value: roles.includes(role) ? product : "none" })),
    ...nested("options", options[product]),
    ...nested("budgets", budgets[product]),
  ];
}
