import type { Service } from "../../components/plan.ts";
import type { Account } from "../../components/product.ts";

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
  /** Runs a program beside the product's server with this terminal, and resolves to its exit code; no argument of any process shows `env`. Throws a Failure where the server does not run. */
  inside(program: readonly string[], env: Record<string, string>): Promise<number>;
}

/** The default export of every file that is named after a protocol. Resolves to the exit code. */
export type Shell = (at: ShellAt) => Promise<number>;
