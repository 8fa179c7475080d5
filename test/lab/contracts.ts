import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { row } from "../../components/catalogue/index.ts";
import type { Role } from "../../components/product.ts";
import type { Checkout } from "./checkout.ts";
import { groundFor, type Lab } from "./lab.ts";
import { type Check, prove, readProof } from "./proof.ts";

interface Results {
  testResults: {
    status: string;
    message: string;
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[];
  }[];
}

export interface ContractsRun {
  /** The clone's file with the accounts of the servers, `.env.admin` or another stack's. */
  variables: string;
  /** Products to be proven: each in every role of its row that is run. */
  products: readonly string[];
  /** The roles that are run, on these products alone. @default all, and the embedded stores beside */
  roles?: readonly Role[];
}

/**
 * Runs the contracts' suites in a clone, on its servers, and writes what they proved. Fails where a case fails, where a product that should show a
 * contract was not tried, and where fewer cases ran than the proof has recorded.
 */
export async function proveContracts(clone: Checkout, lab: Pick<Lab, "grounds">, run: ContractsRun): Promise<void> {
  const { variables, products, roles } = run;
  // Of all roles: how their statements are planned, and what is too large for every day, too.
  const files = roles
    ? [...roles, "portable", "isolation"].map((name) => `test/contract/${name}`)
    : ["test/contract", "plans.test", "large.test"];
  const cases = (role: Role) => `${role} (role )?on (the server )?(${products.join("|")})|${role} is portable`;
  const names = roles ? `-t '${roles.map(cases).join("|")}'` : "";
  const ran = await clone.run(
    `CONTRACT_ADMIN_ENV=${variables} vitest run --project unit --maxWorkers=2 --reporter=json --outputFile=contract.json ${names} ${files.join(" ")}`,
  );
  console.log(`  contracts of ${products.join(", ").padEnd(52)} ${ran.seconds.toFixed(1)} s`);
  const { testResults } = JSON.parse(readFileSync(join(clone.folder, "contract.json"), "utf8")) as Results;
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = all.filter(({ status }) => status === "failed");
  const said = failed.map(({ fullName, failureMessages }) => `${fullName}\n${failureMessages.join("\n")}`);
  const broken = testResults.filter(({ status, message }) => status === "failed" && message);
  expect([...said, ...broken.map(({ message }) => message)].join("\n\n")).toBe("");
  expect(ran.code, ran.stdout + ran.stderr).toBe(0);
  const passed = all.filter(({ status }) => status === "passed");
  for (const product of products)
    for (const role of row(product).roles.filter((one) => !roles || roles.includes(one))) {
      const shown = passed.filter(({ fullName }) => fullName.includes(`${role} on ${product} `)).length;
      expect(shown, `${role} on ${product}`).toBeGreaterThanOrEqual(Math.max(1, recorded(product, role)));
      prove(product, { check: contractOf(role), passed: true, ...groundOf(lab, product), detail: `${shown} cases` });
    }
}

const contractOf = (role: Role) => `${role} contract`;

function recorded(product: string, role: Role): number {
  const { checks } = readProof(product);
  return Number.parseInt(checks.find(({ check }) => check === contractOf(role))?.detail ?? "0", 10);
}

/** An embedded product is run as it is; a server as the lab has it. */
function groundOf(lab: Pick<Lab, "grounds">, product: string): Pick<Check, "target" | "on" | "image"> {
  if (!row(product).container) return { target: "embedded", on: "the product itself" };
  return { target: "docker", ...groundFor(lab, product) };
}
