import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Product, ROLES, type Role } from "../product.ts";

/** Every product by name. A product is listed by having a file here, and nowhere else. */
export const catalogue: ReadonlyMap<string, Product> = new Map(
  await Promise.all(
    readdirSync(import.meta.dirname)
      .filter((file) => file.endsWith(".ts") && file !== "index.ts")
      .sort()
      .map(
        async (file): Promise<[string, Product]> => [
          file.slice(0, -3),
          (await import(pathToFileURL(join(import.meta.dirname, file)).href)).default,
        ],
      ),
  ),
);

export const TARGETS = ["embedded", "docker", "kubernetes"] as const;
export type Target = (typeof TARGETS)[number];

const SERVERS: Partial<Record<Role, string>> = {
  vector: "postgres",
  memory: "postgres",
  session: "redis",
  artifact: "minio",
  run: "postgres",
  event: "postgres",
  search: "postgres",
};

/** What fills a role when the settings leave it at `auto`. */
const DEFAULTS: Record<Target, Partial<Record<Role, string>>> = {
  docker: SERVERS,
  kubernetes: SERVERS,
  embedded: {
    vector: "pglite",
    memory: "pglite",
    session: "sqlite",
    artifact: "files",
    run: "pglite",
    event: "pglite",
    search: "pglite",
  },
};

export const runsOn = ({ container, managed }: Product, target: Target) =>
  !managed && (container !== undefined) === (target !== "embedded");

/** Names of the products that can fill `role` on `target`. */
export const choices = (role: Role, target: Target): string[] =>
  [...catalogue].filter(([, row]) => row.roles.includes(role) && runsOn(row, target)).map(([name]) => name);

export const defaultProduct = (role: Role, target: Target): string | undefined => DEFAULTS[target][role];

/** The row of a product that a parsed plan names. */
export function row(name: string): Product {
  const found = catalogue.get(name);
  if (!found) throw new Error(`no row for ${name} in the catalogue`);
  return found;
}

/** These products, each followed by its companions. */
export const withCompanions = (products: readonly string[]): string[] => [
  ...new Set(products.flatMap((product) => [product, ...(row(product).companions ?? [])])),
];

/** What a product serves: the roles that it fills, or those of the products whose companion it is. */
export function servedBy(product: string): readonly Role[] {
  const { roles } = row(product);
  if (roles.length > 0) return roles;
  const others = [...catalogue.values()].filter(({ companions }) => companions?.includes(product));
  return [...new Set(others.flatMap((other) => other.roles))];
}

/** Roles that some product fills today. */
export const filledRoles: readonly Role[] = ROLES.filter((role) =>
  [...catalogue.values()].some(({ roles }) => roles.includes(role)),
);
