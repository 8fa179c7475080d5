import { type Env, schemeOf } from "../env.ts";
import { messageOf, StoreError } from "../errors.ts";
import type { Figures, FigureUrls, ReadFigures } from "./contract.ts";

/** What one product said. */
export interface ProductFigures extends Figures {
  product: string;
  /** Why there are none. */
  fault?: string;
}

/** Milliseconds for one product. */
const PATIENCE = 2_000;

const byScheme: Record<string, () => Promise<{ default: ReadFigures }>> = {
  "postgres:": () => import("./postgres.ts"),
  "pglite:": () => import("./pglite.ts"),
  "redis:": () => import("./redis.ts"),
  "rediss:": () => import("./redis.ts"),
  "sqlite:": () => import("./sqlite.ts"),
  "s3:": () => import("./bucket.ts"),
  "azblob:": () => import("./bucket.ts"),
  "gs:": () => import("./bucket.ts"),
  "file:": () => import("./file.ts"),
};

/**
 * The operator's figures of every product of `.env.admin`, found by its `<PRODUCT>_ADMIN_URL` and `<PRODUCT>_FLEET_URL`. Takes about two seconds at most; one that
 * does not answer stops none of the others. Never throws.
 */
export function readFigures(adminEnv: Env): Promise<ProductFigures[]> {
  return Promise.all(
    products(adminEnv).map(async ({ product, urls, scheme }) => {
      try {
        return { product, ...(await inTime(scheme, urls)) };
      } catch (error) {
        return { product, figures: [], tables: [], fault: messageOf(error) };
      }
    }),
  );
}

async function inTime(scheme: () => Promise<{ default: ReadFigures }>, urls: FigureUrls): Promise<Figures> {
  const { default: read } = await scheme();
  const signal = AbortSignal.timeout(PATIENCE);
  // What looks at the signal itself has half a second to come back with what it saw.
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(slow()), PATIENCE + 500);
  try {
    return await Promise.race([read(urls, signal), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const slow = () =>
  new StoreError(
    "timeout",
    "figures",
    `No answer within ${PATIENCE / 1000} s.`,
    "See what the server says: npm run logs",
  );

function products(env: Env) {
  return Object.entries(env).flatMap(([name, admin]) => {
    const product = /^([A-Z][A-Z0-9_]*)_ADMIN_URL$/.exec(name)?.[1];
    const scheme = admin ? byScheme[schemeOf(admin)] : undefined;
    if (!product || !admin || !scheme) return [];
    const urls: FigureUrls = { admin, fleet: env[`${product}_FLEET_URL`] ?? admin };
    return [{ product: product.toLowerCase().replaceAll("_", "-"), urls, scheme }];
  });
}
