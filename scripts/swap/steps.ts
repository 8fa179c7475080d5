import type { Swap } from "../../components/plan.ts";
import type { Role } from "../../components/product.ts";
import { type Change, hasFile, readPlan } from "../stack/file.ts";

/** The settings that say how far a swap is. */
export function swapChanges(role: Role, { with: product, step, ...moved }: Swap): Change[] {
  const at = (...names: string[]) => ["swaps", role, ...names];
  return [
    { path: at("with"), value: product },
    { path: at("step"), value: step },
    ...Object.entries(moved).flatMap(([what, ports]) => [
      { path: at(what), value: undefined },
      ...Object.entries(ports).map(([name, value]) => ({ path: at(what, name), value })),
    ]),
  ];
}

/** The settings without a swap. */
export const withoutSwap = (role: Role): Change[] => [{ path: ["swaps", role], value: undefined }];

/** The changes that let roles be written where they are, whose swap was broken off half-way: what was copied so far is copied again when it goes on. */
export function givenBack(stack: string): Change[] {
  if (!hasFile(stack)) return [];
  const { swaps } = readPlan(stack).settings;
  return (Object.entries(swaps) as [Role, Swap][]).flatMap(([role, { step }]) =>
    step === "copying" || step === "copied" ? [{ path: ["swaps", role, "step"], value: "beside" }] : [],
  );
}
