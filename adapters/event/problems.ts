import { StoreError } from "../errors.ts";
import { refuse } from "../input.ts";
import type { Appended, Place } from "./backend.ts";

/** An append that was not taken. */
export function notAppended({ outcome, version }: Appended, stream: string, expected: number | undefined): never {
  const [what, mend] =
    outcome === "conflict"
      ? [
          `Stream "${stream}" is at version ${version}, not ${expected}: nothing was appended.`,
          "Read on, and decide again.",
        ]
      : [
          `Stream "${stream}" has some of these ids, but not all of them: nothing was appended.`,
          "Repeat an append with the same events; give new ones ids of their own.",
        ];
  throw new StoreError("conflict", "event", what, mend);
}

export const groupIsGone = ({ stream, group }: Place): StoreError =>
  new StoreError("conflict", "event", `Group "${group}" of stream "${stream}" was removed.`, "Subscribe again.");

export function unsupported(what: string, why: string | undefined): never {
  throw new StoreError("unsupported", "event", `This store takes no ${what}.`, why ?? "Leave it out.");
}

export const misplaced = (stream: string): never =>
  refuse(
    "event",
    `A record of stream "${stream}" is not behind the events that it has.`,
    "Import records as they were exported, with the record of the stream before its events.",
  );
