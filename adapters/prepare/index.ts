import { type Env, schemeOf } from "../env.ts";
import { StoreError } from "../errors.ts";
import type { OwnerUrls, Prepared, PrepareProduct, ProductUrls } from "./contract.ts";

/** What was done to one product. */
export interface PrepareReport extends Prepared {
  product: string;
  seconds: number;
}

const byScheme: Record<string, () => Promise<{ default: PrepareProduct }>> = {
  "postgres:": () => import("./postgres.ts"),
  "pglite:": () => import("./pglite.ts"),
  "s3:": () => import("./s3.ts"),
  "azblob:": () => import("./managed-bucket.ts"),
  "gs:": () => import("./managed-bucket.ts"),
  "file:": () => import("./file.ts"),
  "redis:": () => import("./redis.ts"),
  "rediss:": () => import("./redis.ts"),
  "sqlite:": () => import("./sqlite.ts"),
  "qdrant:": () => import("./qdrant.ts"),
  "chroma:": () => import("./chroma.ts"),
  "kafka:": () => import("./kafka.ts"),
  "mongodb:": () => import("./mongodb.ts"),
  "mongodb+srv:": () => import("./mongodb.ts"),
};

/**
 * Makes every product of `.env.admin` usable: accounts, database, extension, migrations, rights. Safe to repeat; with nothing to do it only
 * looks. Products are found by their `<PRODUCT>_ADMIN_URL`; `<PRODUCT>_FROZEN` names roles that must not be written. Throws `StoreError`.
 */
export async function prepare(adminEnv: Env): Promise<PrepareReport[]> {
  const reports: PrepareReport[] = [];
  const seen = new Set<string>();
  for (const { product, urls, scheme, frozen } of products<ProductUrls>(adminEnv, ACCOUNTS)) {
    // A database elsewhere that fills several roles is named by each.
    const place = ACCOUNTS.map((account) => urls[account.toLowerCase() as keyof ProductUrls]).join("\n");
    if (seen.has(place)) continue;
    seen.add(place);
    const started = performance.now();
    const { default: protocol } = await scheme();
    const prepared = await protocol.prepare(urls, { frozen });
    reports.push({ product, ...prepared, seconds: (performance.now() - started) / 1000 });
  }
  return reports;
}

/**
 * The migrations that each product lacks, by name; empty lists when all are up to date. Writes nothing. Products are found by their `<PRODUCT>_OWNER_URL`, which is all
 * that is needed. Throws `StoreError`.
 */
export async function pendingMigrations(adminEnv: Env): Promise<{ product: string; pending: string[] }[]> {
  const all: { product: string; pending: string[] }[] = [];
  for (const { product, urls, scheme } of products<OwnerUrls>(adminEnv, ["OWNER"])) {
    all.push({ product, pending: await (await scheme()).default.pending(urls) });
  }
  return all;
}

/** Applies the migrations that each product lacks, as its owner, and gives the other accounts their rights. Throws `StoreError`. */
export async function migrateProducts(adminEnv: Env): Promise<{ product: string; applied: string[] }[]> {
  const all: { product: string; applied: string[] }[] = [];
  for (const { product, urls, scheme } of products<OwnerUrls>(adminEnv, ["OWNER"])) {
    all.push({ product, applied: await (await scheme()).default.migrate(urls) });
  }
  return all;
}

const ACCOUNTS = ["ADMIN", "OWNER", "FLEET", "APP"] as const;

/** The products that have a URL of the first of the `needed` accounts, with all their URLs. Throws for one that lacks another of these. */
function products<Urls extends OwnerUrls>(env: Env, needed: readonly (typeof ACCOUNTS)[number][]) {
  return Object.entries(env).flatMap(([name, value]) => {
    const product = new RegExp(`^([A-Z][A-Z0-9_]*)_${needed[0]}_URL$`).exec(name)?.[1];
    const scheme = byScheme[schemeOf(value ?? "")];
    if (!product || !scheme) return [];
    const urls = ACCOUNTS.flatMap((account) => {
      const url = env[`${product}_${account}_URL`];
      if (url) return [[account.toLowerCase(), url]];
      if (!needed.includes(account)) return [];
      throw new StoreError(
        "invalid",
        product.toLowerCase(),
        `${product}_${account}_URL is not set.`,
        "Write .env.admin again: npm run up",
      );
    });
    return [
      {
        product: product.toLowerCase().replaceAll("_", "-"),
        urls: Object.fromEntries(urls) as Urls,
        scheme,
        frozen: env[`${product}_FROZEN`]?.split(" ").filter(Boolean) ?? [],
      },
    ];
  });
}
