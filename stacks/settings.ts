import { z } from "zod";
import {
  catalogue,
  choices,
  defaultProduct,
  filledRoles,
  TARGETS,
  type Target,
  withCompanions,
} from "../components/catalogue/index.ts";
import { BY_URL, portsSet, type Settings, SWAP_STEPS, urlKey } from "../components/plan.ts";
import { ACCOUNTS, type Account, ENVIRONMENTS, MiB, type Role } from "../components/product.ts";
import { bytes, type Fault, type Known, SettingsError } from "./faults.ts";

const NAMESPACE = "agent-stores:";
/** Keys that hold secrets: whoever needs the values reads them as secrets. */
const SECRET_KEYS = ["credentials", ...filledRoles.flatMap((role) => ACCOUNTS.map((account) => urlKey(role, account)))];

const size = z.union([z.string(), z.number()]).transform((value, context) => {
  const parsed = bytes(value);
  if (parsed !== undefined && parsed > 0) return parsed;
  context.addIssue(`${JSON.stringify(value)} is not a size. Write it like 512MiB or 2GiB`);
  return z.NEVER;
});
const port = z.int().min(1).max(65_535);
const budget = z.strictObject({ cpu: z.number().positive().max(1024), memory: size, disk: size }).partial();
const swap = z.strictObject({
  with: z.string(),
  step: z.enum(SWAP_STEPS),
  ports: z.record(z.string(), port).default({}),
  away: z.record(z.string(), port).default({}),
});
/** One key for each product. */
const byProduct = <T extends z.ZodType>(value: T) =>
  z.partialRecord(z.enum([...catalogue.keys()] as [string, ...string[]]), value).default({});

/** The keys of Pulumi.yaml: types, defaults and descriptions. A test holds the two together. */
export const keys = {
  target: z
    .enum(TARGETS)
    .default("docker")
    .describe("Where products run: docker, kubernetes, or embedded in your own process"),
  environment: z.enum(ENVIRONMENTS).default("dev").describe("dev or production: picks each product's budget"),
  running: z
    .boolean()
    .default(true)
    .describe("false stops every container and keeps data and credentials (npm run down)"),
  ...Object.fromEntries(
    filledRoles.map((role) => [
      role,
      z
        .string()
        .default("auto")
        .describe(
          `Product for ${role}: ${describeChoices(role)}, none, or auto; url: the store runs elsewhere, and the secret ${urlKey(role, "app")} is its URL`,
        ),
    ]),
  ),
  options: byProduct(z.record(z.string(), z.unknown())).describe(`Options by product. ${describeOptions()}`),
  budgets: byProduct(budget).describe("Limits by product, e.g. { postgres: { cpu: 1, memory: 2GiB } }"),
  ports: byProduct(z.union([port, z.record(z.string(), port)])).describe(
    "Host ports by product, e.g. { postgres: 15432 }",
  ),
  hostPorts: z
    .enum(["fixed", "auto"])
    .default("fixed")
    .describe(
      "fixed, or auto: up and init choose free ports and write them into ports, so that stacks run side by side",
    ),
  images: byProduct(z.string().min(1)).describe("Image by product, in place of the catalogue's"),
  imageMirror: z.string().default("").describe("Prefix that replaces the registry of every image"),
  swaps: z
    .partialRecord(z.enum(filledRoles as [Role, ...Role[]]), swap)
    .default({})
    .describe("Roles that move between products with their data; written by npm run swap"),
  storage: z.string().min(1).default("volumes").describe("volumes (named, default), or a folder such as ./.local-data"),
  engineHost: z.string().default("").describe("Container engine, e.g. unix:///var/run/docker.sock; empty: its default"),
  kubeContext: z
    .string()
    .default("")
    .describe("Target kubernetes: context of your kubeconfig, the only one that is ever acted on"),
  namespace: z
    .string()
    .regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/, "expected at most 63 of a-z, 0-9 and -")
    .default("")
    .describe("Target kubernetes: namespace of the stack's own; empty: agent-stores-<stack>"),
  storageClass: z.string().default("").describe("Target kubernetes: class of the claims; empty: the cluster's default"),
};

function describeChoices(role: Role): string {
  const filled = TARGETS.filter((target) => choices(role, target).length > 0);
  const targets = Map.groupBy(filled, (target) => choices(role, target).join(" or "));
  return [...targets].map(([products, those]) => `${products} (${those.join(", ")})`).join(", ");
}

function describeOptions(): string {
  const described = [...catalogue].flatMap(([product, { options }]) => {
    const shape = Object.entries((options as z.ZodObject).shape as Record<string, z.ZodType>);
    const each = shape.map(([name, schema]) => `${name} (${schema.description})`);
    return each.length > 0 ? `${product}: ${each.join(", ")}` : [];
  });
  return described.join("; ");
}

const known: Known = {
  keys([key, product]) {
    if (key === undefined) return Object.keys(keys);
    return product === undefined ? [...catalogue.keys()] : Object.keys(budget.shape);
  },
  takes: ([key]) => `It takes: ${(keys as Record<string, z.ZodType>)[String(key)]?.description}.`,
};

/** Values of the command line and of Pulumi's own configuration arrive as text. */
function untext(key: string, value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (key === "running") return value === "true" ? true : value === "false" ? false : value;
  if (!["options", "budgets", "ports", "images", "swaps"].includes(key)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Names whose variables would go into a file that is another's: `.env.admin`, `.env.example`. */
const RESERVED = ["admin", "example"];

/** What is wrong with a stack's name: it becomes part of containers' and files' names. */
export function checkStack(stack: string): Fault[] {
  const mend = "Use lower-case letters, digits and dashes, at most 41.";
  if (!/^[a-z0-9][a-z0-9-]{0,40}$/.test(stack))
    return [{ key: "stack", what: `${JSON.stringify(stack)} is no stack name`, mend }];
  return RESERVED.includes(stack)
    ? [{ key: "stack", what: `the name ${stack} is taken by .env.${stack}`, mend: "Use another name." }]
    : [];
}

/**
 * Checks the settings of a stack; keys may carry the namespace `agent-stores:`, keys of other namespaces are left alone.
 * Throws a SettingsError that names every fault with its mend.
 */
export function parse(stack: string, raw: Record<string, unknown>): Settings {
  const faults: Fault[] = [];
  faults.push(...checkStack(stack));
  const given: Record<string, unknown> = {};
  const secrets = new Set<string>();
  for (const [full, value] of Object.entries(raw)) {
    if (full.includes(":") && !full.startsWith(NAMESPACE)) continue;
    const key = full.replace(NAMESPACE, "");
    if (SECRET_KEYS.includes(key)) secrets.add(key);
    else given[key] = untext(key, value);
  }
  const result = z.strictObject(keys).safeParse(given);
  if (!result.success) throw new SettingsError(stack, [...faults, ...SettingsError.read(result.error, known)]);
  const settings = result.data as unknown as Settings & Record<Role, string>;
  const roles: Settings["roles"] = {};
  const urls: Record<string, readonly Account[]> = {};
  for (const role of filledRoles) {
    const choice = chooseProduct(role, settings[role], settings.target);
    if (typeof choice === "object") faults.push(choice);
    else if (choice === BY_URL) urls[role] = ACCOUNTS.filter((account) => secrets.has(urlKey(role, account)));
    else if (choice) roles[role] = choice;
  }
  const ports = Object.fromEntries(
    Object.entries(settings.ports).map(([product, given]) => [product, namedPorts(product, given, faults)]),
  );
  const options = Object.fromEntries(
    Object.entries(settings.options).map(([product, given]) => [product, checkOptions(product, given, faults)]),
  );
  faults.push(
    ...tooSmall(settings.budgets),
    ...samePorts(withCompanions(Object.values(roles)), ports),
    ...swapFaults(settings.swaps, roles, settings.target),
    ...clusterFaults(settings),
  );
  if (faults.length > 0) throw new SettingsError(stack, faults);
  const { environment, running, target, budgets, hostPorts, swaps, images, imageMirror, storage, engineHost } =
    settings;
  const { kubeContext, namespace, storageClass } = settings;
  return {
    stack,
    target,
    environment,
    running,
    roles,
    urls,
    swaps,
    options,
    budgets,
    ports,
    hostPorts,
    images,
    imageMirror,
    storage,
    engineHost,
    kubeContext,
    namespace,
    storageClass,
  };
}

/** A cluster may be anybody's: it is named, never guessed. */
function clusterFaults({ target, kubeContext, storage }: Settings): Fault[] {
  if (target !== "kubernetes") return [];
  const faults: Fault[] = [];
  if (kubeContext === "")
    faults.push({
      key: "kubeContext",
      what: "target kubernetes acts on no cluster that the settings do not name",
      mend: "See yours: kubectl config get-contexts   Then: npm run up -- --target kubernetes --set kubeContext=<name>",
    });
  if (storage !== "volumes")
    faults.push({ key: "storage", what: "a folder of this machine is none of the cluster's", mend: "Use volumes." });
  return faults;
}

function chooseProduct(role: Role, word: string, target: Target): string | Fault | undefined {
  if (word === "none") return undefined;
  if (word === BY_URL && target !== "embedded") return BY_URL;
  if (word === BY_URL)
    return {
      key: role,
      what: `a URL is a secret, which target ${target} has no place for`,
      mend: `Set ${role.toUpperCase()}_URL in your own environment and this to none, or set agent-stores:target to docker.`,
    };
  const product = word === "auto" ? defaultProduct(role, target) : word;
  if (product === undefined) return undefined;
  const possible = choices(role, target);
  if (possible.includes(product)) return product;
  const managed = catalogue.get(product)?.managed;
  if (managed)
    return {
      key: role,
      what: `${product} is run by others`,
      mend: `Bind it by its URL (${managed.url}): npm run init -- --set ${role}=${BY_URL} --secret ${urlKey(role, "app")} < file-with-the-url`,
    };
  const elsewhere = TARGETS.filter((other) => choices(role, other).includes(product));
  return {
    key: role,
    what:
      elsewhere.length > 0 ? `${product} does not run on target ${target}` : `there is no product "${product}" for it`,
    mend:
      `Use one of: ${[...possible, ...(target === "embedded" ? [] : [BY_URL]), "none"].join(", ")}` +
      (elsewhere.length > 0 ? `; or set agent-stores:target to ${elsewhere.join(" or ")}.` : "."),
  };
}

/** What is wrong with a swap: its other product, or that its role was given to another product by hand meanwhile. */
function swapFaults(swaps: Settings["swaps"], roles: Settings["roles"], target: Target): Fault[] {
  return Object.entries(swaps).flatMap(([role, swap]): Fault[] => {
    const mend = `Go back: npm run swap ${role} -- --back   Or give up what is kept: npm run swap ${role} -- --discard`;
    if (!choices(role as Role, target).includes(swap.with))
      return [
        { key: `swaps.${role}.with`, what: `there is no product "${swap.with}" for it on target ${target}`, mend },
      ];
    if (roles[role as Role] === undefined)
      return [{ key: role, what: `no product fills it, and ${swap.with} holds what it was swapped with`, mend }];
    if (roles[role as Role] === swap.with)
      return [{ key: role, what: `a swap of it with ${swap.with} is under way or kept`, mend }];
    return [];
  });
}

function tooSmall(budgets: Settings["budgets"]): Fault[] {
  return Object.entries(budgets).flatMap(([product, { memory }]) => {
    const least = catalogue.get(product)?.container?.minimum.memory ?? 0;
    if (memory === undefined || memory >= least) return [];
    const what = `${product} does not start with so little memory`;
    return { key: `budgets.${product}.memory`, what, mend: `Give it at least ${least / MiB}MiB.` };
  });
}

/** Two servers of one stack cannot listen on one port. */
function samePorts(products: readonly string[], ports: Settings["ports"]): Fault[] {
  const taken = new Map<number, string>();
  return products.flatMap((product) => {
    const fixed = Object.entries(catalogue.get(product)?.container?.ports ?? {}).map(([name, { host }]) => [
      name,
      host,
    ]);
    const all = Object.entries<number>({ ...Object.fromEntries(fixed), ...portsSet(product, { ports }) });
    return all.flatMap(([name, port]): Fault[] => {
      const other = taken.get(port);
      taken.set(port, `${product}.${name}`);
      if (other === undefined) return [];
      return [
        { key: `ports.${product}`, what: `port ${port} is also that of ${other}`, mend: "Give them different ones." },
      ];
    });
  });
}

function namedPorts(product: string, given: number | Record<string, number>, faults: Fault[]): Record<string, number> {
  const names = Object.keys(catalogue.get(product)?.container?.ports ?? {});
  const wanted = typeof given === "number" ? { [names[0] ?? "port"]: given } : given;
  for (const name of Object.keys(wanted)) {
    if (!names.includes(name))
      faults.push({
        key: `ports.${product}`,
        what: names.length > 0 ? `${product} has no port "${name}"` : `${product} listens on no port`,
        mend: names.length > 0 ? `Its ports: ${names.join(", ")}.` : "Remove this entry.",
      });
  }
  return wanted;
}

function checkOptions(product: string, given: Record<string, unknown>, faults: Fault[]): Record<string, unknown> {
  const checked = catalogue.get(product)?.options.safeParse(given);
  if (checked?.success) return checked.data as Record<string, unknown>;
  const shape = ((catalogue.get(product)?.options as z.ZodObject | undefined)?.shape ?? {}) as Record<
    string,
    z.ZodType
  >;
  const about: Known = {
    keys: () => Object.keys(shape),
    takes: ([name]) => `It is for: ${shape[String(name)]?.description}.`,
  };
  if (checked) faults.push(...SettingsError.read(checked.error, about, `options.${product}`));
  return {};
}
