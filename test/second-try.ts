import type { TestCase } from "vitest/node";

/** A reporter that names each test which only a second try let pass, with what the first said: CI tries again, and never silently. */
export default class SecondTry {
  onTestCaseResult(test: TestCase): void {
    if (!test.diagnostic()?.flaky) return;
    const [first] = test.result().errors ?? [];
    console.log(
      `  passed only at its second try: ${test.module.relativeModuleId} > ${test.fullName}\n  ${first?.message}`,
    );
  }
}
