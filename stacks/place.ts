import { readFileSync } from "node:fs";
import { join } from "node:path";
import { credentialsOf, type Place, type Plan } from "../components/plan.ts";
import { SettingsError } from "./faults.ts";

/** The project's folder. */
export const root = join(import.meta.dirname, "..");

/** This machine and this checkout, as far as a plan depends on them. */
export const here = (): Place => ({
  root,
  digests: JSON.parse(readFileSync(join(root, "images.lock.json"), "utf8")) as Record<string, string>,
  uid: process.getuid?.(),
  gid: process.getgid?.(),
});

/**
 * The credentials by name (`postgres.admin`), out of the stack's decrypted configuration. Throws a SettingsError that names each one the
 * plan needs and does not find.
 */
export function readCredentials(plan: Plan, config: Record<string, string>): Record<string, string> {
  const byProduct = JSON.parse(config["agent-stores:credentials"] ?? "{}") as Record<string, Record<string, string>>;
  const found = Object.fromEntries(
    Object.entries(byProduct).flatMap(([product, values]) =>
      Object.entries(values).map(([name, value]): [string, string] => [`${product}.${name}`, value]),
    ),
  );
  const { generated, given } = credentialsOf(plan);
  for (const { name } of given) {
    const value = config[`agent-stores:${name}`];
    if (value !== undefined) found[name] = value;
  }
  const missing = [...generated, ...given.map(({ name }) => name)].filter((name) => !(name in found));
  if (missing.length === 0) return found;
  throw new SettingsError(
    plan.stack,
    missing.map((name) => ({
      key: name.includes(".") ? `credentials.${name}` : name,
      what: "missing",
      mend: "Type: npm run init",
    })),
  );
}
