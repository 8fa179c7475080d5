import { catalogue, choices, row } from "../../components/catalogue/index.ts";
import { credentialOwner, type Plan, type Settings, type Swap } from "../../components/plan.ts";
import { ROLES, type Role } from "../../components/product.ts";
import { knownPlan, requireRunning } from "../stack/file.ts";
import { Failure } from "../terminal/report.ts";

/** A role of a stack that is up, and how far its swap is. */
export interface Moving {
  stack: string;
  role: Role;
  /** The product that serves it. */
  product: string;
  swap?: Swap;
  settings: Settings;
  plan: Plan;
}

/** The role that a swap is about. Throws a Failure where nothing can be swapped. */
export function movingOf(stack: string, word: string): Moving {
  const { settings, plan } = knownPlan(stack);
  if (plan.target !== "docker")
    throw new Failure(
      `a swap moves between servers in docker, and the target is ${plan.target}`,
      plan.target === "embedded"
        ? "With the data: npm run snapshot before   then change the target, and: npm run restore -- before"
        : `With the data: npm run snapshot before   then npm run up -- --set ${word}=<product>, and: npm run restore -- before`,
    );
  requireRunning(plan);
  const role = ROLES.find((one) => one === word);
  const product = role && settings.roles[role];
  if (role && plan.bindings[role] && !product)
    throw new Failure(
      `the store of ${role} runs elsewhere`,
      `With its data: npm run snapshot before   then: npm run up -- --set ${role}=<product>   and: npm run restore -- before`,
    );
  if (!role || !product) {
    const mend = `Roles of this stack: ${Object.keys(settings.roles).join(", ")}`;
    throw new Failure(role ? `no product fills ${role}` : `there is no role ${JSON.stringify(word)}`, mend);
  }
  return { stack, role, product, swap: settings.swaps[role], settings, plan };
}

/** Throws a Failure unless the role may move to this product; `over` allows to replace what is kept there of before. */
export function checkMove(moving: Moving, to: string, over: boolean): void {
  const { stack, role, product: from, swap, plan } = moving;
  requireNoOther(moving);
  if (role === "trace")
    throw new Failure(
      `spans stay where they are: ${from} keeps them on its volume until their time is over`,
      `Send new ones elsewhere: npm run up -- --stack ${stack} --set ${role}=<product>`,
    );
  const possible = choices(role, plan.target).filter((one) => one !== from);
  if (!possible.includes(to)) {
    const what = catalogue.has(to)
      ? `${to} cannot take ${role} over here`
      : `there is no product ${JSON.stringify(to)}`;
    throw new Failure(what, possible.length > 0 ? `Use one of: ${possible.join(", ")}` : "No other product fills it.");
  }
  if (swap && swap.with !== to)
    throw new Failure(
      swap.step === "kept"
        ? `${swap.with} still keeps what it held of ${role}`
        : `a swap of ${role} to ${swap.with} is unfinished`,
      swap.step === "kept"
        ? `Give that up first: npm run swap ${role} -- --discard`
        : `Go on: npm run swap ${role} ${swap.with}   Or leave it: npm run swap ${role} -- --back`,
    );
  if (swap?.step === "kept" && !over)
    throw new Failure(
      `${to} keeps what it held of ${role} before the last swap, which a swap to it replaces`,
      `Replace it: npm run swap ${role} ${to} -- --over   Or return to it as it was: npm run swap ${role} -- --back`,
    );
  const { freezes } = row(from);
  if (!freezes)
    throw new Failure(
      `${from} cannot keep its clients from writing ${role} while it is copied`,
      `Stop them, then: npm run snapshot -- --stack ${stack} before   npm run up -- --set ${role}=${to}   npm run restore -- before`,
    );
  const others = plan.services.find(({ product }) => product === from)?.roles.filter((one) => one !== role) ?? [];
  if (freezes !== "roles" && others.length > 0)
    throw new Failure(
      `${from} serves ${others.join(" and ")}, too, and freezes as a whole`,
      `Move that first: ${others.map((one) => `npm run swap ${one} <product>`).join("   ")}`,
    );
}

/** One role moves at a time: a smoke run proves all of them, and what is frozen fails it. */
function requireNoOther({ role, settings }: Moving): void {
  const other = (Object.entries(settings.swaps) as [Role, Swap][]).find(
    ([one, { step }]) => one !== role && step !== "kept",
  );
  if (!other) return;
  const [its, { with: product }] = other;
  throw new Failure(
    `a swap of ${its} to ${product} is unfinished`,
    `Go on: npm run swap ${its} ${product}   Or leave it: npm run swap ${its} -- --back`,
  );
}

/** Whether the two take each other's place and port, so that the new one has to wait for the old one to leave. */
export const takesPlace = (from: string, to: string): boolean => credentialOwner(from) === credentialOwner(to);
