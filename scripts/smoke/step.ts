import type { Fleet, TenantStores } from "../../adapters/index.ts";
import type { Plan } from "../../components/plan.ts";
import type { Role } from "../../components/product.ts";

/** What one role's steps made for another's to keep. */
export interface Kept {
  text: string;
  /** What is not as it was, in sentences, by the bytes that were read back. */
  differences(kept: Uint8Array): Promise<string[]>;
}

/** What a step works with. */
export interface Context {
  readonly plan: Plan;
  /** Part of `up`: few data, and no step that takes long. */
  readonly quick: boolean;
  /** The run's own name, different every time; seeds whatever is generated. */
  readonly run: string;
  /** The stores of this run's tenant of that name, with the account that applications use. The run removes its tenants at its end. */
  tenant(name: string): TenantStores;
  /** A tenant's id, as the fleet wants it. */
  idOf(name: string): string;
  readonly fleet: Fleet;
  /** What steps hand on to those of later roles; the evidence of a retrieval. */
  readonly handed: { evidence?: Kept };
  /** URL of a role's store. */
  urlOf(role: Role): string;
}

export interface Step {
  name: string;
  /** Whose store it tries; none: all of them. */
  role?: Role;
  /** Resolves to what was seen, for the table. Throws `WrongAnswer`, `StoreError` or `Failure`. */
  run(): Promise<string>;
}

/** The steps of one role. They share what they wrote, so they run in order. */
export interface RoleSteps {
  steps: Step[];
  /** A read that the server itself has to answer. */
  ping(): Promise<unknown>;
  /** After a restart: what was written is still there. */
  afterRestart: Step[];
}

/** A store answered, and not what it had to. */
export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer";
}

/** Throws `WrongAnswer` unless `holds`. */
export function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new WrongAnswer(otherwise);
}
