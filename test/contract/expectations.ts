import { expect, vi } from "vitest";

/** Awaits what time brings about. */
export const eventually = (holds: () => Promise<void>) => vi.waitFor(holds, { timeout: 20_000, interval: 5 });

export const refused = (code: string) => ({ name: "StoreError", code });

export async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of items) all.push(one);
  return all;
}

/** That a call is refused as bad input. */
export const expectInvalid = (call: Promise<unknown>, what: string) =>
  expect(call, what).rejects.toMatchObject(refused("invalid"));
