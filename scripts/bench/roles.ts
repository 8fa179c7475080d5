import { type ArtifactFigures, artifactBench } from "./artifact.ts";
import { RECALL } from "./baseline-query.ts";
import { besideByHand } from "./by-hand.ts";
import { chromaByHand } from "./chroma.ts";
import { eventBench } from "./event.ts";
import type { Bench, Figure } from "./figure.ts";
import { firstLoadBench } from "./first-load.ts";
import { hybridBench } from "./hybrid.ts";
import { kafkaBench } from "./kafka.ts";
import { memoryBench } from "./memory.ts";
import { qdrantByHand } from "./qdrant.ts";
import { type QueryFigures, queryBench } from "./query.ts";
import { runBench } from "./run.ts";
import { searchBench } from "./search.ts";
import { sessionBench } from "./session.ts";
import { upsertBench } from "./upsert.ts";

const MiB = 1 << 20;
const ms = (value: number) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const us = (value: number) => `${value.toFixed(value < 100 ? 1 : 0)} µs`;

interface Timed {
  ours: number;
  baseline: number;
  ratio: number;
}

const timed = (
  what: string,
  { ours, baseline, ratio }: Timed,
  unit: (value: number) => string,
  most: number,
): Figure => ({
  what,
  ours: unit(ours),
  baseline: unit(baseline),
  ratio,
  goal: { most },
});

const postgres = /^postgres(ql)?:/;

/** In the order in which they are measured; a protocol that has a client of its own to be compared with has a bench of its own. */
export const BENCHES: readonly Bench[] = [
  {
    role: "session",
    protocol: /^rediss?:/,
    async run({ app, fleet }, { rounds }) {
      const figures = await sessionBench(app, fleet, Math.max(rounds, 15));
      return figures.map((one) => timed(`${one.call}, ${one.together} at once`, one, us, 1.1));
    },
  },
  {
    role: "artifact",
    protocol: /^s3:/,
    async run({ app, fleet }, { megabytes }, progress) {
      return (await artifactBench(app, fleet, megabytes * MiB, 3, progress)).map(transfer);
    },
  },
  {
    role: "memory",
    protocol: postgres,
    async run(place, { rows, rounds }) {
      const figures = await memoryBench(place, rows, rounds);
      return figures.map((one) => timed(one.call, one, ms, 1.15));
    },
  },
  {
    role: "run",
    protocol: postgres,
    async run({ app, fleet }, { rounds }) {
      const figures = await runBench(app, fleet, Math.max(rounds, 9));
      return figures.map((one) => timed(one.call, one, us, 1.15));
    },
  },
  {
    role: "event",
    protocol: postgres,
    async run({ app, fleet }, { rounds }) {
      const { figures, latency } = await eventBench(app, fleet, Math.max(rounds, 11));
      const [ours, baseline] = [latency.ours.p50, latency.baseline.p50];
      return [
        ...figures.map((one) => timed(`${one.call}, ${one.together} at once`, one, us, 1.15)),
        timed("append to another process's handler", { ours, baseline, ratio: ours / baseline }, ms, 1.15),
      ];
    },
  },
  {
    role: "event",
    protocol: /^kafka:/,
    async run(place, { rounds }) {
      const figures = await kafkaBench(place, Math.max(rounds, 11));
      return figures.map((one) => timed(`${one.call}, ${one.together} at once`, one, us, 1.25));
    },
  },
  {
    role: "search",
    protocol: postgres,
    async run(place, { entries, rounds, probes }, progress) {
      const figures = await searchBench(place, entries, rounds, probes, progress);
      const hybrid = await hybridBench(place, 20_000, probes, progress);
      return [
        ...figures.map((one) => timed(one.what, one, ms, 1.15)),
        {
          ...timed("hybrid, top 10 of 20,000 with vectors", hybrid, ms, 1.15),
          more: `${(hybrid.same * 100).toFixed(0)} % of the hits by hand`,
        },
      ];
    },
  },
  {
    role: "vector",
    protocol: postgres,
    async run(place, { rows, rounds, probes }, progress) {
      const upsert = await upsertBench(place, 10_000, rounds, progress);
      const first = await firstLoadBench(place, 50_000, 3, progress);
      const queries = await queryBench(place, rows, probes, progress);
      return [
        { ...timed("upsert 10,000 × 384", upsert, ms, 0), goal: { least: 0.85 } },
        timed("first load of 50,000 × 384, with index", first, ms, 1.2),
        ...queries.map((one) => answered(one, 1.15)),
      ];
    },
  },
  {
    role: "vector",
    protocol: /^qdrant:/,
    async run(place, asked, progress) {
      const { upsert, queries } = await besideByHand(place, await qdrantByHand(place), asked, progress);
      return [
        { ...timed("upsert 10,000 × 384, with index", upsert, ms, 0), goal: { least: 0.8 } },
        ...queries.map((one) => answered(one, 1.25)),
      ];
    },
  },
  {
    role: "vector",
    protocol: /^chroma:/,
    async run(place, asked, progress) {
      const { upsert, queries } = await besideByHand(place, await chromaByHand(place), asked, progress);
      return [
        { ...timed("upsert 10,000 × 384, with index", upsert, ms, 0), goal: { least: 0.8 } },
        ...queries.map((one) => answered(one, 1.5)),
      ];
    },
  },
];

function answered({ filter, access, ours, baseline, ratio }: QueryFigures, most: number): Figure {
  return {
    ...timed(`top 10, filter ${filter}`, { ours: ours.p50, baseline: baseline.p50, ratio }, ms, most),
    poor: ours.recall < RECALL,
    more: `recall@10 ${ours.recall.toFixed(3)} by ${access}; by hand ${baseline.recall.toFixed(3)} by ${baseline.by}`,
  };
}

function transfer({ way, bytes, ours, baseline, ratio, memory, begun }: ArtifactFigures): Figure {
  const size = (value: number) => `${(value / MiB).toFixed(0)} MiB`;
  return {
    what: `${size(bytes)} ${way}`,
    ours: `${size(ours)}/s`,
    baseline: `${size(baseline)}/s`,
    ratio,
    goal: { least: 0.9 },
    more: `${size(memory.ours)} of memory, ${size(begun.ours)} before the first byte; by hand ${size(memory.baseline)}, ${size(begun.baseline)}`,
  };
}
