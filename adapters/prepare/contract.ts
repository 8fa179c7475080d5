/** The URLs of one product in `.env.admin`, one per account. */
export interface ProductUrls {
  /** Makes roles, database and extension, e.g. the superuser `postgres`. */
  admin: string;
  /** Owns the schema and migrates it. */
  owner: string;
  /** Acts across tenants: bypasses policies. */
  fleet: string;
  /** Works for one tenant at a time, under the policies. */
  app: string;
}

/** What migrations need: the owner, and whom to give rights to. @default agent_fleet and agent_core for accounts without a URL */
export type OwnerUrls = Pick<ProductUrls, "owner"> & Partial<Pick<ProductUrls, "fleet" | "app">>;

/** What `prepare` left. */
export interface Prepared {
  /** Accounts that exist now. */
  roles: string[];
  /** How many SQL migrations the product has now; 0 for one that has no such thing. */
  migrations: number;
  /** Names of those that this call applied. */
  applied: string[];
}

/** How a product is to stand. */
export interface Wanted {
  /** Roles that nobody may write there any more: they have moved, or are moving, to another product. All others may be written. */
  frozen: readonly string[];
}

/** What a protocol does to make a product usable. Every act may be repeated; one with nothing to do is quick. */
export interface PrepareProduct {
  /** Accounts, database, extension, migrations, rights. */
  prepare(urls: ProductUrls, wanted: Wanted): Promise<Prepared>;
  /** Names of migrations that `migrate` would apply. Writes nothing. */
  pending(urls: OwnerUrls): Promise<string[]>;
  /** Migrations alone; resolves to the names that were applied. */
  migrate(urls: OwnerUrls): Promise<string[]>;
}
