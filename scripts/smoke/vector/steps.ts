import type { Context, RoleSteps } from "../step.ts";
import { Retrieval } from "./retrieval.ts";
import { Scale } from "./scale.ts";

/** What proves the `vector` role: a retrieval over real prose, then many vectors of many tenants. */
export function vectorSteps(context: Context): RoleSteps {
  const retrieval = new Retrieval(context);
  const parts = context.quick ? [retrieval] : [retrieval, new Scale(context)];
  return {
    steps: parts.flatMap(({ steps }) => steps),
    ping: () => retrieval.store.count(),
    afterRestart: parts.flatMap(({ afterRestart }) => afterRestart),
  };
}
