import { messageOf, StoreError } from "../errors.ts";

/** SQLite's primary result code; its extended ones are in the higher bits. */
const resultOf = (error: unknown): number => ((error as { errcode?: number } | null)?.errcode ?? 0) & 0xff;

export const isBusy = (error: unknown): boolean => [5, 6].includes(resultOf(error));

/** An error of SQLite as ours: what broke, what to type next, and the original as its cause. */
export function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const make = (code: StoreError["code"], what: string, mend: string) =>
    new StoreError(code, "sqlite", what, mend, error);
  const said = messageOf(error).replace(/\.$/, "");
  switch (resultOf(error)) {
    case 5:
    case 6:
      return make("timeout", "Other processes kept the file busy.", "Repeat the call.");
    case 13:
      return make("full", "The disk has no room for it.", "Free or add space, then repeat the call.");
    case 3:
    case 8:
    case 23:
      return make("denied", `The file may not be written (${said}).`, "See whose file and folder it is.");
    case 14:
      return make("unprepared", `The file does not open (${said}).`, "Make it: npm run up");
    case 11:
    case 26:
      return make(
        "failed",
        `The file is no whole database (${said}).`,
        "Restore a copy of it, or start anew: npm run reset",
      );
    default:
      return make("failed", `${said}.`, "The cause has the details.");
  }
}
