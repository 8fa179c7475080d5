import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a check ran on. Only the first says that the image which users run was proven. */
export type Ground = "official image" | "own build of the product" | "stand-in" | "the product itself";

export interface Check {
  /** e.g. `vector contract`, `smoke`, `20 SIGKILLs`. */
  check: string;
  target: "embedded" | "docker" | "kubernetes";
  passed: boolean;
  on: Ground;
  /** What stood in for a service that cannot be reached here. */
  standIn?: string;
  /** `registry/repo:tag@digest` of an official image. */
  image?: string;
  /** Versions and counts, in words. */
  detail: string;
}

/**
 * proof/<product>.json: what verification runs saw, newest result of each check on each ground: what is proven on the
 * official image stands beside what the lab's own image proves. The README's matrix is rendered from it.
 */
export interface Proof {
  product: string;
  checks: Check[];
}

const folder = join(import.meta.dirname, "..", "..", "proof");
const pathOf = (product: string) => join(folder, `${product}.json`);

export function readProof(product: string): Proof {
  return existsSync(pathOf(product))
    ? (JSON.parse(readFileSync(pathOf(product), "utf8")) as Proof)
    : { product, checks: [] };
}

/** The checks with this one among them, in place of an earlier result of the same check on the same ground; in one order. */
export function withCheck(checks: readonly Check[], check: Check): Check[] {
  const rank = ({ target, check, on }: Check) => `${target} ${check} ${on}`;
  return [...checks.filter((old) => rank(old) !== rank(check)), check].sort((one, other) =>
    rank(one).localeCompare(rank(other)),
  );
}

/** Writes down a check that ran. */
export function prove(product: string, check: Check): void {
  const checks = withCheck(readProof(product).checks, check);
  mkdirSync(folder, { recursive: true });
  writeFileSync(pathOf(product), `${JSON.stringify({ product, checks }, null, 2)}\n`);
}
