import { byCodePoint } from "../order.ts";

/** Best first; equal scores by id. */
export function byRank(a: { score: number; id: string }, b: { score: number; id: string }): number {
  return b.score - a.score || byCodePoint(a.id, b.id);
}
