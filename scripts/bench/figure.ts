import type { Place } from "./place.ts";

/** One measurement of ours, beside the same work done by hand. */
export interface Figure {
  what: string;
  ours: string;
  baseline: string;
  /** Of times, ours / by hand: more is slower. Of speeds: less is slower. */
  ratio: number;
  /** What is aimed at; none: the ratio is only reported. */
  goal?: { most: number } | { least: number };
  /** The answers are not good enough to be compared, however fast they came. */
  poor?: boolean;
  /** What belongs to it: recall, memory, how the store chose to answer. */
  more?: string;
}

/** What the command line asks for. */
export interface Asked {
  rows: number;
  rounds: number;
  probes: number;
  entries: number;
  megabytes: number;
}

/** One role's measurements, on the protocol that has a client to be compared with. */
export interface Bench {
  role: string;
  protocol: RegExp;
  run(place: Place, asked: Asked, progress: (text: string) => void): Promise<Figure[]>;
}

export const goalOf = ({ goal }: Figure): string =>
  goal === undefined ? "" : "most" in goal ? `≤ ${goal.most.toFixed(2)}` : `≥ ${goal.least.toFixed(2)}`;

export const isMissed = ({ goal, ratio, poor = false }: Figure): boolean =>
  poor || (goal !== undefined && ("most" in goal ? ratio > goal.most : ratio < goal.least));
