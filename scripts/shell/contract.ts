import type { Service } from "../../components/plan.ts";
import type { Account } from "../../components/product.ts";
import type { Found } from "../machine/containers.ts";

/** What a shell is given. */
export interface ShellAt {
  service: Service;
  /** `app`, or `admin` when that was asked for. */
  account: Account;
  /** The product's URL for that account. */
  url: string;
  /** The variables of `.env` and of `.env.admin`. */
  env: Record<string, string>;
  adminEnv: Record<string, string>;
  /** What followed the product: the shell's own options. */
  words: readonly string[];
  /** The product's container, which runs. Throws a Failure when it does not, and for a product without one. */
  container(): Promise<Found & { host: string }>;
}

/** The default export of every file that is named after a protocol. Resolves to the exit code. */
export type Shell = (at: ShellAt) => Promise<number>;
