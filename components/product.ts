import type { z } from "zod";
import type { SecretRef, Text } from "./secret.ts";

/** What an agent needs from its backend. */
export const ROLES = ["vector", "memory", "session", "artifact", "run", "event", "search", "trace"] as const;
export type Role = (typeof ROLES)[number];

export const ENVIRONMENTS = ["dev", "production"] as const;
export type Environment = (typeof ENVIRONMENTS)[number];

/** What a service may use. Memory and disk in bytes, cpu in cores. */
export interface Budget {
  cpu: number;
  memory: number;
  disk: number;
}

/** Who a URL logs in as: `admin` prepares, `owner` migrates, `fleet` works across tenants, `app` for one tenant. */
export const ACCOUNTS = ["admin", "owner", "fleet", "app"] as const;
export type Account = (typeof ACCOUNTS)[number];

/** The URL of a product that tells no accounts apart. */
export const forAll = (url: Text): Record<Account, Text> => ({ admin: url, owner: url, fleet: url, app: url });

/** What a row's functions are given. */
export interface At {
  /** Where clients reach it. */
  host: string;
  /** Host port by the row's port name. */
  ports: Record<string, number>;
  /** Those of its companions, by their names. */
  beside: Record<string, Record<string, number>>;
  /** Absolute path of an embedded product's folder. */
  folder: string;
  /** Checked by the row's `options` schema. */
  // biome-ignore lint/suspicious/noExplicitAny: a row reads what its own schema has parsed
  options: any;
  budget: Budget;
  /** Nobody but the administrator may write what it holds: it moves to another product. */
  frozen: boolean;
  /** A credential of this product by its name in `credentials`. */
  secret(name: string): SecretRef;
}

/**
 * How to know that a server answers: a command inside the container, or a request that its image has a program for. Must fail within 30 s when the
 * server is stopped, so it has to ask it something. `host` is for an image without a shell: the same request from outside, where any answer but a server's error will do. The engine
 * cannot make it, so it knows such a container as running and no more.
 */
export type Probe =
  | { exec: readonly string[] }
  | { http: { port: string; path: string; by: "curl" } }
  | { host: { port: string; path: string } };

/** A file that is put into the container before it starts. */
export interface ServerFile {
  content: Text;
}

/** How a product runs as a container. */
export interface Container {
  /** `registry/repo:tag`; the digest is in images.lock.json. */
  image: string;
  /** Container port and the fixed port on 127.0.0.1, by name. */
  ports: Record<string, { container: number; host: number }>;
  /** A name besides its own by which the stack's other containers reach it, whichever product serves. */
  alias?: string;
  /** Folder with everything that must outlive the container. */
  data: string;
  /** The user the server runs as; `any`: the image also works as another uid, which folder storage needs. */
  user: { uid: number; gid: number; any: boolean };
  /** Credentials that `init` generates, by name. */
  credentials: readonly string[];
  /**
   * The product whose credentials these are, for one that takes another's place at the same port: its URL is the same then, and `.env` holds
   * for both. @default the product itself
   */
  credentialsOf?: string;
  /** Further credentials that these options call for and that cannot be generated. */
  needs?(options: At["options"]): readonly { name: string; what: string }[];
  env(at: At): Record<string, string>;
  args(at: At): readonly string[];
  files(at: At): Record<string, ServerFile>;
  probe: Probe;
  /** The image's own program to talk to the server with, for people. */
  cli?: string;
  /** Signal and the longest a clean stop may take, in seconds. */
  stop: { signal: string; grace: number };
  /** Longest start to wait for in seconds, recovery after a crash included. */
  startup: number;
  /** Folders beside `data` that the server writes; the rest of its root can be read-only. @default /tmp */
  writable?: readonly string[];
  /** Why its root cannot be read-only. */
  writesRoot?: string;
  /** Size of /dev/shm in bytes. */
  shm?(at: At): number;
  budgets: Record<Environment, Budget>;
  /** The least memory in bytes that it starts with. */
  minimum: { memory: number };
  /** Sets the accounts' passwords through the container's local socket, when data and config disagree. */
  reconcile?(at: At): { exec: readonly string[]; input: Text };
}

/** One product: a file in catalogue/ whose name is the product's. */
export interface Product {
  title: string;
  licence: string;
  upkeep: { state: "maintained" } | { state: "frozen" | "legacy"; why: string; instead: string };
  /** Empty: it is a companion of others, and serves what they serve. */
  roles: readonly Role[];
  /** Products that run whenever this one does. */
  companions?: readonly string[];
  /** Scheme of its URLs, without the colon; names the adapter file. */
  protocol: string;
  /** Typed options, with defaults, set by `agent-stores:options`. Strict: an unknown option is refused. */
  options: z.ZodType;
  /** URL for each account; products without accounts give the same for all. */
  urls(at: At): Record<Account, Text>;
  /** The variables other clients expect in `.env`. */
  variables?(at: At): Record<string, Text>;
  /**
   * How it is kept from being written while a role moves to another product: `roles` by prepare, each apart from its others; `service` as a whole, by prepare or by
   * how its container starts (`At.frozen`); `port`, for a server that knows no accounts or whose rights are not to be relied on: as a whole, by a port that its clients do not know. Absent: it cannot, and
   * nothing moves away from it with its data.
   */
  freezes?: "roles" | "service" | "port";
  /** Keeps the index of the artifact role, whichever product stores the artifacts. */
  artifactIndex?: true;
  /** Name of the port that serves pages for people. */
  console?: string;
  /** Run by others: it is bound by its URL, and this is an example of one. */
  managed?: { url: string };
  /** Without it and not managed: runs inside the program that uses it (target `embedded`). */
  container?: Container;
}

export const MiB = 1024 ** 2;
export const GiB = 1024 ** 3;
