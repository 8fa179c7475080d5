import { afterAll, beforeAll, expect, inject } from "vitest";
import { type Checkout, type CheckoutOptions, makeCheckout } from "./checkout.ts";

/** The clone that all tests of a file work in. */
export interface FileClone extends Omit<Checkout, "remove"> {
  /** Runs a command that must succeed, tells how long it took, and resolves to what it printed. */
  succeeds(command: string, env?: Record<string, string>): Promise<string>;
}

/** Makes a clone before the tests of a file, or of a `describe`, and after them resets these stacks of it and removes it. Call it before the file's own hooks. */
export function useClone(stacks: readonly string[] = [], options?: CheckoutOptions): FileClone {
  const lab = inject("lab");
  let made: Checkout | undefined;
  const clone = () => made ?? expect.unreachable("the clone is made before the tests");
  beforeAll(async () => {
    made = await makeCheckout(lab, options);
  });
  afterAll(async () => {
    for (const stack of stacks) await made?.run(`npm run reset -- --yes --stack ${stack}`);
    await made?.remove();
  });
  return {
    get folder() {
      return clone().folder;
    },
    run: (command, extra) => clone().run(command, extra),
    start: (command, extra) => clone().start(command, extra),
    pathWithout: (programs) => clone().pathWithout(programs),
    async succeeds(command, env) {
      const ran = await clone().run(command, { env });
      expect(ran.code, `${command}\n${ran.stdout}\n${ran.stderr}`).toBe(0);
      console.log(`  ${command.split("\n")[0]?.slice(0, 70).padEnd(70)} ${ran.seconds.toFixed(1)} s`);
      return ran.stdout;
    },
  };
}
