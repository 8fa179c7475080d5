import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Role } from "../../components/product.ts";
import { root } from "../../stacks/place.ts";
import { envFiles } from "../stack/dotenv.ts";

/** What the contracts' suites came to on a stack. */
export interface Verdict {
  passed: number;
  /** By name, those that did not hold. */
  failed: string[];
}

/** Runs the suite of each role's contract on the servers of a stack. */
export async function contracts(stack: string, product: string, roles: readonly Role[]): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), "agent-stores-contracts-"));
  const results = join(folder, "results.json");
  const words = [
    ...["run", "--project", "unit", "--reporter=json", `--outputFile=${results}`, "--retry=1"],
    ...["-t", roles.map((role) => `${role} on ${product}`).join("|")],
    ...roles.map((role) => `test/contract/${role}.test.ts`),
  ];
  try {
    const env = { ...process.env, CONTRACT_ADMIN_ENV: envFiles(stack).admin };
    const child = spawn(process.execPath, [join(root, "node_modules", "vitest", "vitest.mjs"), ...words], {
      cwd: root,
      stdio: "ignore",
      env,
    });
    await new Promise<void>((resolve, reject) => child.on("exit", () => resolve()).on("error", reject));
    const { testResults } = JSON.parse(readFileSync(results, "utf8")) as {
      testResults: { assertionResults: { status: string; fullName: string }[] }[];
    };
    const all = testResults.flatMap(({ assertionResults }) => assertionResults);
    const named = (status: string) => all.filter((one) => one.status === status).map(({ fullName }) => fullName);
    return { passed: named("passed").length, failed: named("failed") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
