import { StoreError } from "../errors.ts";
import { hasFailed, type Outcome, tryEach, unfinished } from "../every-role.ts";
import { checkTenant } from "../input.ts";
import type { RoleFleet } from "../role.ts";
import { type Counts, type DeletionBody, type DeletionCertificate, type RoleDeletion, seal } from "./certificate.ts";
import type { Ledger } from "./ledger.ts";
import { remainsOf } from "./remains.ts";

/** What the deletion of a tenant came to. */
export interface TenantDeletion {
  /** Removed, by role and kind. */
  counts: Record<string, Counts>;
  certificate: DeletionCertificate;
}

/** A role's part in it. */
export interface DeletingRole {
  role: string;
  /** The protocol of its URL, e.g. `postgres`. */
  store: string;
  fleet(): Pick<RoleFleet, "deleteTenant">;
}

/** Looks that may find something, which another call or a writer left there, before the tenant counts as being written to. */
const LOOKS = 3;

/**
 * Removes everything of a tenant from every role, and looks again until nothing is found.
 * @param ledger keeps the certificate, and its database is looked through table by table; undefined where no role is kept in SQL
 * @throws StoreError where a role failed, or something was found to the last; what failed is in the ledger as an incomplete deletion, if the ledger can be reached
 */
export async function deleteTenant(
  roles: readonly DeletingRole[],
  ledger: Ledger | undefined,
  tenant: string,
): Promise<TenantDeletion> {
  checkTenant(tenant);
  const deletion = new Deletion(roles, ledger, tenant);
  await deletion.pass();
  for (let looks = 1; looks <= LOOKS; looks++) {
    await deletion.pass();
    await deletion.lookThroughDatabase();
    if (deletion.failed || deletion.clean) break;
  }
  return deletion.finish();
}

class Deletion {
  readonly #roles: readonly DeletingRole[];
  readonly #ledger: Ledger | undefined;
  readonly #tenant: string;
  readonly #beganAt = now();
  readonly #records: Map<string, RoleDeletion>;
  #outcomes: Outcome<unknown>[] = [];
  #database: DeletionBody["database"] = null;

  constructor(roles: readonly DeletingRole[], ledger: Ledger | undefined, tenant: string) {
    this.#roles = roles;
    this.#ledger = ledger;
    this.#tenant = tenant;
    this.#records = new Map(
      roles.map(({ role, store }) => [
        role,
        { role, store, removed: {}, found: null, passes: 0, beganAt: "", endedAt: "", failed: null },
      ]),
    );
  }

  get failed(): boolean {
    return this.#outcomes.some(hasFailed);
  }

  /** Whether the last pass was a look that found nothing, in no role and in no table. */
  get clean(): boolean {
    return this.#left().length === 0;
  }

  /** Lets each role that did not fail before remove what it holds. */
  async pass(): Promise<void> {
    const before = new Map(this.#outcomes.map((one) => [one.role, one]));
    const names = this.#roles.map(({ role }) => role);
    this.#outcomes = await tryEach(names, async (role) => {
      const earlier = before.get(role);
      if (earlier && hasFailed(earlier)) throw earlier.error;
      await this.#remove(role);
    });
  }

  /** Counts the tenant's rows in every table; not where a role failed, whose rows are there. */
  async lookThroughDatabase(): Promise<void> {
    const ledger = this.#ledger;
    if (!ledger || this.failed) return;
    const looked = await tryEach(["database"], async () => {
      this.#database = await ledger.rowsOf(this.#tenant);
    });
    this.#outcomes.push(...looked);
  }

  async #remove(role: string): Promise<void> {
    const record = this.#records.get(role) as RoleDeletion;
    const { fleet } = this.#roles.find((one) => one.role === role) as DeletingRole;
    record.beganAt ||= now();
    try {
      const counts = await fleet().deleteTenant(this.#tenant);
      for (const [kind, n] of Object.entries(counts)) record.removed[kind] = (record.removed[kind] ?? 0) + n;
      if (record.passes > 0) record.found = something(counts);
    } catch (error) {
      record.failed = error instanceof StoreError ? error.code : "failed";
      record.found = null;
      throw error;
    } finally {
      record.passes++;
      record.endedAt = now();
    }
  }

  async finish(): Promise<TenantDeletion> {
    const left = this.#left();
    const body: DeletionBody = {
      format: "agent-stores/deletion",
      version: 1,
      tenant: this.#tenant,
      outcome: this.failed || left.length > 0 ? "incomplete" : "complete",
      beganAt: this.#beganAt,
      endedAt: now(),
      roles: [...this.#records.values()],
      database: this.#database,
      remains: remainsOf([...this.#roles, ...(this.#ledger ? [this.#ledger] : [])].map(({ store }) => store)),
    };
    const repeat = `await openFleet().deleteTenant("${this.#tenant}")`;
    const act = `The deletion of tenant "${this.#tenant}"`;
    const error =
      unfinished(this.#outcomes, act, repeat) ?? (left.length > 0 ? stillThere(act, left, repeat) : undefined);
    if (error) {
      // The error says what went wrong; a ledger that is away, too, cannot say more.
      await this.#ledger?.append(body).catch(() => {});
      throw error;
    }
    const kept = await tryEach(["certificate"], () => this.#keep(body));
    const unkept = unfinished([...this.#outcomes, ...kept], act, repeat);
    if (unkept) throw unkept;
    const [certificate] = kept.flatMap((one) => (hasFailed(one) ? [] : [one.result]));
    const counts = Object.fromEntries(body.roles.map(({ role, removed }) => [role, removed]));
    return { counts, certificate: certificate as DeletionCertificate };
  }

  async #keep(body: DeletionBody): Promise<DeletionCertificate> {
    return this.#ledger?.append(body) ?? seal(body, { number: null, previous: null });
  }

  /** What the last look found, in words. */
  #left(): string[] {
    const roles = [...this.#records.values()].flatMap(({ role, found }) => (found ? words(role, found) : []));
    return [...roles, ...words("database", this.#database?.found ?? {})];
  }
}

const now = () => new Date().toISOString();
const something = (counts: Counts): Counts => Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0));
const words = (where: string, found: Counts) => Object.entries(found).map(([kind, n]) => `${where}: ${n} ${kind}`);

function stillThere(act: string, left: readonly string[], repeat: string): StoreError {
  return new StoreError(
    "conflict",
    "fleet",
    `${act} removed what was there, and each look found more (${left.join(", ")}).`,
    `Stop what writes as this tenant, and configure every role that keeps such things here, then repeat it: ${repeat}`,
  );
}
