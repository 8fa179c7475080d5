import { join, resolve } from "node:path";
import { catalogue, row, runsOn, servedBy, type Target, withCompanions } from "./catalogue/index.ts";
import type { Account, At, Budget, Environment, Role } from "./product.ts";

/** Settings of one stack, checked and complete. */
export interface Settings {
  stack: string;
  target: Target;
  environment: Environment;
  /** False after `down`: containers are gone, data and credentials stay. */
  running: boolean;
  /** The product that fills each role; a role without one is not filled. */
  roles: Partial<Record<Role, string>>;
  /** The roles whose store runs elsewhere, with the accounts that the settings hold a secret URL of. */
  urls: GivenUrls;
  /** The roles that move between products, or have moved. */
  swaps: Partial<Record<Role, Swap>>;
  /** By product, checked by its row. */
  options: Record<string, Record<string, unknown>>;
  /** By product; memory and disk in bytes. */
  budgets: Record<string, Partial<Budget>>;
  /** Host ports by product, then by port name. */
  ports: Record<string, Record<string, number>>;
  /** `auto`: ports that are not in `ports` are still to be chosen. */
  hostPorts: "fixed" | "auto";
  /** Image references by product, in place of the row's. */
  images: Record<string, string>;
  /** Takes the place of every image's registry, e.g. `mirror.example/hub`. */
  imageMirror: string;
  /** `volumes`, or a folder. */
  storage: string;
  /** Address of the container engine; empty: its default. */
  engineHost: string;
  /** Context of the kubeconfig; target kubernetes acts on no other. */
  kubeContext: string;
  /** Empty: `agent-stores-<stack>`. */
  namespace: string;
  /** Of the claims; empty: the cluster's default. */
  storageClass: string;
}

/** By role, the accounts whose URLs are secrets of the settings; `app` is always needed. */
export type GivenUrls = Partial<Record<Role, readonly Account[]>>;

/** A role that moves from one product to another with its data. */
export interface Swap {
  /** The new product until it serves the role, then the old one. */
  with: string;
  /**
   * `beside`: the new one runs beside the old. `copying`: the old one is frozen. `copied`: the new one has it all, and has made room for itself to come back in the old
   * one's place. `kept`: the new one serves, and what the old one holds is frozen until it is discarded.
   */
  step: (typeof SWAP_STEPS)[number];
  /** Host ports of the new one while the old one has its own. */
  ports: Record<string, number>;
  /** Host ports of the old one while it is frozen, where that is how it freezes. */
  away: Record<string, number>;
}

export const SWAP_STEPS = ["beside", "copying", "copied", "kept"] as const;

/** What stands for the service in the binding of a role whose store runs elsewhere. */
export const BY_URL = "url";

/** The secret setting with the URL of a role's account: `artifactUrl` for the application, `artifactAdminUrl` for the administrator. */
export const urlKey = (role: Role, account: Account): string =>
  `${role}${account === "app" ? "" : account.replace(/^./, (letter) => letter.toUpperCase())}Url`;

/** The place a plan is made for: what is not a setting, and a pure function cannot look up. */
export interface Place {
  /** Absolute path of the project. */
  root: string;
  /** Digests that were read from a registry, by image reference (images.lock.json). */
  digests: Record<string, string>;
  /** The host's user, which owns the files of folder storage; undefined on Windows. */
  uid?: number;
  gid?: number;
}

/** One running product. Postgres filling five roles is one service. */
export interface Service {
  product: string;
  roles: Role[];
  /** Roles that it is to take over, and does not serve yet. */
  pending: Role[];
  /** Roles of which it holds what nobody may write. */
  frozen: Role[];
  /** Reference with tag and, where one was read, digest; empty for an embedded product. */
  image: string;
  ports: Record<string, number>;
  /** Host ports of its companions, by their names. */
  beside: Record<string, Record<string, number>>;
  /** The ports that applications are told. They are others while it is frozen by taking its port away. */
  told: Record<string, number>;
  options: Record<string, unknown>;
  budget: Budget;
  /** Where its data lies: a named volume, a folder on this machine, or a claim of the cluster. */
  data: { volume: string } | { folder: string } | { claim: string };
  /** uid:gid the server runs as. */
  user: string;
}

/** The settings, checked and completed. Plain data: every target renders this and nothing else. */
export interface Plan {
  stack: string;
  /** Absolute path of the project, by which containers of another checkout's stack are told apart. */
  root: string;
  target: Target;
  running: boolean;
  engineHost: string;
  cluster: { context: string; namespace: string; storageClass: string };
  services: Service[];
  /** Which service fills each role; `url` where the store runs elsewhere. */
  bindings: Partial<Record<Role, string>>;
  urls: GivenUrls;
}

const NO_BUDGET: Budget = { cpu: 0, memory: 0, disk: 0 };

export function makePlan(settings: Settings, place: Place): Plan {
  const pending = swapsAt(settings, "beside", "copying").map(([, { with: product }]) => product);
  const products = withCompanions([...Object.values(settings.roles), ...pending]);
  return {
    stack: settings.stack,
    root: place.root,
    target: settings.target,
    running: settings.running,
    engineHost: settings.engineHost,
    cluster: {
      context: settings.kubeContext,
      namespace: settings.namespace || namespaceName(settings.stack),
      storageClass: settings.storageClass,
    },
    services: products.map((product) => makeService(product, settings, place)),
    bindings: { ...settings.roles, ...Object.fromEntries(Object.keys(settings.urls).map((role) => [role, BY_URL])) },
    urls: settings.urls,
  };
}

/** The services that would be, if the catalogue's other products of this target filled the roles they can. */
export function alternatesOf(settings: Settings, place: Place): Service[] {
  const bound = withCompanions(Object.values(settings.roles));
  return [...catalogue]
    .filter(([product, row]) => runsOn(row, settings.target) && !bound.includes(product))
    .map(([product]) => ({ ...makeService(product, settings, place), roles: [...servedBy(product)] }));
}

const swapsAt = ({ swaps }: Pick<Settings, "swaps">, ...steps: Swap["step"][]): [Role, Swap][] =>
  (Object.entries(swaps) as [Role, Swap][]).filter(([, { step }]) => steps.includes(step));

/** Of which roles a product holds what nobody may write: it is being copied, or is the copy that is kept. */
const frozenIn = (product: string, settings: Settings): Role[] => [
  ...swapsAt(settings, "copying", "copied").flatMap(([role]) => (settings.roles[role] === product ? [role] : [])),
  ...swapsAt(settings, "kept").flatMap(([role, swap]) => (swap.with === product ? [role] : [])),
];

/** The products that can take each other's place, this one last: what the settings say of it wins. */
const kinOf = (product: string): string[] => [
  ...[...catalogue.keys()].filter((other) => other !== product && credentialOwner(other) === credentialOwner(product)),
  product,
];

/** The host ports that the settings name for a product or for its kin. */
export function portsSet(product: string, { ports }: Pick<Settings, "ports">): Record<string, number> {
  const names = Object.keys(row(product).container?.ports ?? {});
  const all = kinOf(product).flatMap((other) => Object.entries(ports[other] ?? {}));
  return Object.fromEntries(all.filter(([name]) => names.includes(name)));
}

/** The ports that it has when nothing moves. */
const usualPorts = (product: string, settings: Settings): Record<string, number> => ({
  ...Object.fromEntries(Object.entries(row(product).container?.ports ?? {}).map(([name, { host }]) => [name, host])),
  ...portsSet(product, settings),
});

function makeService(product: string, settings: Settings, place: Place): Service {
  const { container, options, companions = [] } = row(product);
  const folder = resolve(place.root, settings.storage === "volumes" ? ".local-data" : settings.storage);
  const onCluster = container && settings.target === "kubernetes";
  const onHost = !container || (settings.storage !== "volumes" && !onCluster);
  const pending = swapsAt(settings, "beside", "copying").filter(([, swap]) => swap.with === product);
  const leaving = swapsAt(settings, "copying", "copied").filter(([role]) => settings.roles[role] === product);
  const told = usualPorts(product, settings);
  const serves = (role: Role) => withCompanions([settings.roles[role] ?? []].flat()).includes(product);
  return {
    product,
    roles: (Object.keys(settings.roles) as Role[]).filter(serves),
    pending: pending.map(([role]) => role),
    frozen: frozenIn(product, settings),
    image: container ? reference(settings.images[product], container.image, settings.imageMirror, place.digests) : "",
    ports: Object.assign({}, told, ...pending.map(([, { ports }]) => ports), ...leaving.map(([, { away }]) => away)),
    beside: Object.fromEntries(companions.map((one) => [one, usualPorts(one, settings)])),
    told,
    options: options.parse(Object.assign({}, ...kinOf(product).map((other) => settings.options[other]))) as Record<
      string,
      unknown
    >,
    budget: Object.assign(
      {},
      container?.budgets[settings.environment] ?? NO_BUDGET,
      ...kinOf(product).map((other) => settings.budgets[other]),
    ),
    data: onHost
      ? { folder: join(folder, settings.stack, product) }
      : onCluster
        ? { claim: claimName(product) }
        : { volume: `agent-stores-${settings.stack}-${product}` },
    user: !container ? "" : onCluster ? ordinary(container.user) : userOf(container.user, onHost, place),
  };
}

/** Folder storage belongs to the host's user, so that it can be read and deleted without root. */
function userOf(user: { uid: number; gid: number; any: boolean }, onHost: boolean, { uid, gid }: Place): string {
  return onHost && user.any && uid ? `${uid}:${gid ?? uid}` : `${user.uid}:${user.gid}`;
}

/** Clusters that are careful run nothing as root. */
const ordinary = ({ uid, gid }: { uid: number; gid: number }) => (uid === 0 ? "10001:10001" : `${uid}:${gid}`);

/** Of a stack whose settings name none. */
export const namespaceName = (stack: string) => `agent-stores-${stack}`;

/** The claim of a product's one server. */
export const claimName = (product: string) => `data-${product}-0`;

function reference(own: string | undefined, image: string, mirror: string, digests: Record<string, string>): string {
  if (own) return own;
  const digest = digests[image];
  const pinned = digest ? `${image}@${digest}` : image;
  return mirror ? `${mirror.replace(/\/+$/, "")}/${pinned.split("/").slice(1).join("/")}` : pinned;
}

/** What the functions of a service's row are given. Clients are on this machine: every port is bound to 127.0.0.1. */
export const at = ({ product, roles, ports, beside, options, budget, data, frozen }: Service): At => ({
  host: "127.0.0.1",
  ports,
  beside,
  options,
  budget,
  // Where it serves another role, too, prepare tells the roles apart.
  frozen: frozen.length > 0 && roles.every((role) => frozen.includes(role)),
  folder: "folder" in data ? data.folder : "",
  secret: (name) => ({ secret: `${credentialOwner(product)}.${name}` }),
});

/** Whose credentials a product takes: its own, or those of the product in whose place it stands. */
export const credentialOwner = (product: string): string => row(product).container?.credentialsOf ?? product;

/** The credentials that this plan's containers and URLs need, as `<product>.<name>` or the name of a secret setting: those to generate, and those to be given. */
export function credentialsOf(plan: Plan): { generated: string[]; given: { name: string; what: string }[] } {
  const generated = new Set<string>();
  const given = new Map<string, string>();
  for (const { product, options } of plan.services) {
    const { container } = row(product);
    const full = (name: string) => `${credentialOwner(product)}.${name}`;
    for (const name of container?.credentials ?? []) generated.add(full(name));
    for (const { name, what } of container?.needs?.(options) ?? []) given.set(full(name), what);
  }
  for (const [role, accounts] of Object.entries(plan.urls) as [Role, readonly Account[]][])
    for (const account of new Set<Account>(["app", ...accounts]))
      given.set(urlKey(role, account), `URL of the ${role} store for account ${account}`);
  return { generated: [...generated], given: [...given].map(([name, what]) => ({ name, what })) };
}
