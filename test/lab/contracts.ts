import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { row } from "../../components/catalogue/index.ts";
import type { Role } from "../../components/product.ts";
import type { FileClone } from "./clone.ts";
import { groundFor, type Lab } from "./lab.ts";
import { type Check, prove, readProof } from "./proof.ts";

interface Results {
  testResults: {
    status: string;
    message: string;
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[];
  }[];
}

const RESULTS = "contract.json";
/** What each case came to, and by name those that needed a second try. */
const REPORTERS = `--reporter=json --outputFile=${RESULTS} --reporter=./test/second-try.ts`;

export interface ContractsRun {
  /** The clone's file with the accounts of the servers, `.env.admin` or another stack's. */
  variables: string;
  /** Products to be proven: each in every role of its row that is run. */
  products: readonly string[];
  /** Where the servers run. @default docker */
  target?: "docker" | "kubernetes";
  /** The roles that are run, on these products alone. @default all, and the embedded stores beside */
  roles?: readonly Role[];
  /** What the proof says that they ran on. @default by the product's image */
  ground?: Pick<Check, "target" | "on" | "standIn">;
}

/**
 * Runs the contracts' suites in a clone, on its servers, and writes what they proved. Fails where a case fails, where a product that should show a
 * contract was not tried, and where fewer cases ran than the proof has recorded.
 */
export async function proveContracts(clone: FileClone, lab: Pick<Lab, "grounds">, run: ContractsRun): Promise<void> {
  const { variables, products, roles, ground, target = "docker" } = run;
  const cases = (role: Role) => `${role} (role )?on (the server )?(${products.join("|")})|${role} is portable`;
  const names = roles ? `-t '${roles.map(cases).join("|")}'` : "";
  const testResults: Results["testResults"] = [];
  let unexplained = "";
  for (const [what, files] of Object.entries(suitesOf(roles))) {
    const ran = await clone.run(
      `rm -f ${RESULTS}; CONTRACT_ADMIN_ENV=${variables} vitest run --project unit --maxWorkers=2 --retry=1 ${REPORTERS} ${names} ${files.join(" ")}`,
    );
    console.log(`  ${what} of ${products.join(", ").padEnd(52)} ${ran.seconds.toFixed(1)} s\n${ran.stdout}`);
    const results = JSON.parse(readFileSync(join(clone.folder, RESULTS), "utf8")) as Results;
    testResults.push(...results.testResults);
    if (ran.code !== 0) unexplained += ran.stdout + ran.stderr;
  }
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = all.filter(({ status }) => status === "failed");
  const said = failed.map(({ fullName, failureMessages }) => `${fullName}\n${failureMessages.join("\n")}`);
  const broken = testResults.filter(({ status, message }) => status === "failed" && message);
  expect([...said, ...broken.map(({ message }) => message)].join("\n\n")).toBe("");
  expect(unexplained).toBe("");
  const passed = all.filter(({ status }) => status === "passed");
  for (const product of products)
    for (const role of row(product).roles.filter((one) => !roles || roles.includes(one))) {
      const shown = passed.filter(({ fullName }) => fullName.includes(`${role} on ${product} `)).length;
      expect(shown, `${role} on ${product}`).toBeGreaterThanOrEqual(Math.max(1, recorded(product, role, target)));
      prove(product, {
        check: contractOf(role),
        passed: true,
        ...(ground ?? groundOf(lab, product, target)),
        detail: `${shown} cases`,
      });
    }
}

/**
 * A role's own suite purges and repairs whole servers: what a suite over all roles left there it would not find again, so they run after each other.
 * Of all roles: how their statements are planned, and what is too large for every day, too.
 */
function suitesOf(roles?: readonly Role[]): { [what: string]: readonly string[] } {
  const across = ["portable", "isolation"].map((name) => `test/contract/${name}.test.ts`);
  if (roles) return { contracts: roles.map((name) => `test/contract/${name}.test.ts`), across };
  const all = globSync("test/contract/*.test.ts", { cwd: join(import.meta.dirname, "..", "..") });
  return { contracts: [...all.filter((file) => !across.includes(file)), "plans.test", "large.test"], across };
}

const contractOf = (role: Role) => `${role} contract`;

function recorded(product: string, role: Role, target: "docker" | "kubernetes"): number {
  const known = readProof(product).checks.filter(({ check }) => check === contractOf(role));
  // An embedded product has one target, whatever the servers beside it have.
  const before = known.find((check) => check.target === target || check.target === "embedded");
  return Number.parseInt(before?.detail ?? "0", 10);
}

/** An embedded product is run as it is; a server as the lab has it. */
function groundOf(
  lab: Pick<Lab, "grounds">,
  product: string,
  target: "docker" | "kubernetes",
): Pick<Check, "target" | "on" | "image"> {
  if (!row(product).container) return { target: "embedded", on: "the product itself" };
  return { target, ...groundFor(lab, product) };
}
