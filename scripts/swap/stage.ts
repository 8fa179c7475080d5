import type { Plan } from "../../components/plan.ts";
import { type EngineInfo, requireEngine } from "../machine/engine.ts";
import { bringUp, checkMachine } from "../stack/bring-up.ts";
import { connect } from "../stack/connect.ts";
import { type Change, readPlan, withSettings } from "../stack/file.ts";
import { withFreePorts } from "../stack/free-ports.ts";
import type { Report } from "../terminal/report.ts";

/** Takes a running stack from one state to the next, each of which a killed command can go on from. */
export interface Stage {
  engine: EngineInfo;
  /** What the engine has for a plan; throws a Failure where it lacks something. */
  check(plan: Plan): Promise<string>;
  /** Makes the stack what it is with these settings, and prepares its stores; what fails takes them back. */
  to(changes: readonly Change[]): Promise<void>;
}

export async function stageOf(stack: string, engineHost: string, report: Report, broken: boolean): Promise<Stage> {
  const engine = await requireEngine(engineHost);
  let first = broken;
  return {
    engine,
    check: (plan) => checkMachine(plan, engine),
    async to(wanted) {
      const changes = await withFreePorts(stack, wanted);
      const { plan } = readPlan(stack, changes);
      await checkMachine(plan, engine);
      await withSettings(stack, changes, async () => {
        await bringUp(plan, engine, report, { broken: first, wasRunning: true });
      });
      first = false;
      await connect(plan);
    },
  };
}
