import { setTimeout as sleep } from "node:timers/promises";
import { $ } from "zx";
import { type DockerService, PROBE_SECONDS, renderDocker } from "../../components/docker.ts";
import type { Plan } from "../../components/plan.ts";
import { Failure } from "../terminal/report.ts";
import { containersOf, type Found, lastWords } from "./containers.ts";

/**
 * Waits until every server of the plan passes its own probe, asking several times a second where the engine's healthcheck asks every other. Resolves to the
 * seconds that each took from its start, for those that were not healthy before. Throws a Failure with the server's last words for one that crashes, or is not ready in its time.
 */
export async function waitUntilReady(plan: Plan, host: string): Promise<ReadonlyMap<string, number>> {
  const since = Date.now();
  const took = new Map<string, number>();
  const known = new Set<string>();
  const { services } = renderDocker(plan);
  for (;;) {
    const containers = await containersOf(plan.stack, host);
    const crash = await crashOf(containers, since, host);
    if (crash) throw crash;
    const waiting = services.filter(({ product }) => !known.has(product));
    const answers = await Promise.all(waiting.map((service) => answerOf(service, containers, host)));
    for (const [index, { product }] of waiting.entries()) {
      const answer = answers[index];
      if (answer === undefined) continue;
      known.add(product);
      if (answer !== "healthy") took.set(product, answer);
    }
    if (known.size === services.length) return took;
    await requireTime(
      services.filter(({ product }) => !known.has(product)),
      since,
      containers,
      host,
    );
    await sleep(100);
  }
}

/** `healthy` as the engine knows it, or the seconds from its start to now when its probe passes; undefined when it is not ready. */
async function answerOf(
  { name, healthcheck, answersAt }: DockerService,
  containers: readonly Found[],
  host: string,
): Promise<"healthy" | number | undefined> {
  const found = containers.find((container) => container.name === name);
  if (found?.state !== "running") return undefined;
  if (found.health === "healthy") return "healthy";
  if (!healthcheck) return (await answers(answersAt)) ? (Date.now() - found.began) / 1000 : undefined;
  // A server that is stopped answers nothing, for ever.
  const timeout = `${healthcheck.timeout}s` as const;
  const probe = await $({
    quiet: true,
    nothrow: true,
    timeout,
  })`docker --host ${host} exec ${name} ${healthcheck.test}`;
  return probe.exitCode === 0 ? (Date.now() - found.began) / 1000 : undefined;
}

/** Whether a server that only the outside can ask answers, and with no error of its own. */
export async function answers(url = ""): Promise<boolean> {
  try {
    const { status } = await fetch(url, { signal: AbortSignal.timeout(PROBE_SECONDS * 1000) });
    return status < 500;
  } catch {
    return false;
  }
}

async function requireTime(
  waiting: readonly DockerService[],
  since: number,
  containers: readonly Found[],
  host: string,
): Promise<void> {
  const late = waiting.find(({ startup }) => Date.now() > since + startup * 1000);
  if (!late) return;
  const found = containers.find(({ name }) => name === late.name);
  throw new Failure(
    `${late.product} is not ready after ${late.startup} s (${[found?.state ?? "no container", found?.health].filter(Boolean).join(", ")})`,
    found ? `Its last lines:\n${await lastWords(found.id, host)}` : "Type: npm run up",
  );
}

/**
 * Looks for a server that was made just now and crashes whenever it starts, until told to stop. Removes its container, so that nobody waits
 * for it any longer, and resolves to what it said last.
 */
export async function watchForCrashes(stack: string, host: string, stop: AbortSignal): Promise<Failure | undefined> {
  const since = Date.now();
  while (!stop.aborted) {
    const containers = await containersOf(stack, host).catch(() => []); // one that is being removed cannot be inspected
    const crash = await crashOf(containers, since, host);
    if (crash) return crash;
    await sleep(1000, undefined, { signal: stop }).catch(() => {});
  }
  return undefined;
}

async function crashOf(containers: readonly Found[], since: number, host: string): Promise<Failure | undefined> {
  const crashing = containers.find(
    ({ made, restarts, health }) => made >= since - MADE_BEFORE && restarts >= 3 && health !== "healthy",
  );
  if (!crashing) return undefined;
  const words = await lastWords(crashing.id, host);
  await $({ quiet: true, nothrow: true })`docker --host ${host} rm -f ${crashing.id}`;
  return new Failure(`${crashing.product} crashes whenever it starts`, `Its last lines:\n${words}`);
}

/** How long before a wait begins its containers may have been made, in milliseconds: the update that made them comes first. */
const MADE_BEFORE = 60_000;
