import { Option } from "commander";
import { connections } from "../components/connections.ts";
import { requireCluster } from "./cluster/cluster.ts";
import { disconnect, hold, holderOf, letGo, whatOf } from "./cluster/connection.ts";
import { forward } from "./cluster/forward.ts";
import { knownPlan, requireRunning } from "./stack/file.ts";
import { command } from "./terminal/command.ts";
import { Failure } from "./terminal/report.ts";

await command<{ stop?: boolean }>({
  name: "connect",
  summary:
    "Forward a Kubernetes stack's ports to this machine until Ctrl-C. `up` does it by itself, in the background.",
  options: [new Option("--stop", "end the connection that is there")],
  help: "It goes on over restarts of pods and of the cluster: each connection of a client finds its server anew.",
  async run({ stack, stop }, report) {
    if (stop) {
      const was = await disconnect(stack);
      return report.line("ok", "connect", was ? "the ports are free again" : "there was no connection");
    }
    const { plan } = knownPlan(stack);
    if (plan.target !== "kubernetes")
      throw new Failure(
        `the stores of target ${plan.target} are on this machine: there is nothing to forward`,
        "Type: npm run status",
      );
    requireRunning(plan);
    const holder = holderOf(stack);
    if (holder?.what === whatOf(plan))
      return report.line("ok", "connect", `pid ${holder.pid} does it already   End it: npm run connect -- --stop`);
    await disconnect(stack);
    const cluster = await requireCluster(plan);
    const open = await forward(cluster, plan);
    hold(plan);
    for (const [product, where] of Object.entries(connections(plan).endpoints)) report.line("ok", product, where);
    await new Promise<void>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => resolve());
    });
    open.close();
    letGo(stack);
    process.exit(0);
  },
});
