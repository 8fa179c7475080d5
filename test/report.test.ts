import { afterEach, expect, it, vi } from "vitest";
import { Report } from "../scripts/terminal/report.ts";

// Hints that name a command can be typed as they stand, whatever the stack.

afterEach(() => vi.restoreAllMocks());

it.each([
  ["Type: npm run up", "Type: npm run up -- --stack two"],
  ["npm run up   Then: npm run smoke", "npm run up -- --stack two   Then: npm run smoke -- --stack two"],
  ["npm run up -- --port auto", "npm run up -- --stack two --port auto"],
  ["npm run swap vector qdrant", "npm run swap -- --stack two vector qdrant"],
  [
    "npm run swap vector -- --back   Or: npm run swap vector -- --discard",
    "npm run swap -- --stack two vector --back   Or: npm run swap -- --stack two vector --discard",
  ],
  [
    "npm run status · npm run swap vector -- --back",
    "npm run status -- --stack two · npm run swap -- --stack two vector --back",
  ],
])("%s", (hint, typed) => {
  const said = vi.spyOn(console, "log").mockImplementation(() => {});
  new Report(false, "two").say(hint);
  new Report(false).say(hint);
  expect(said.mock.calls).toEqual([[typed], [hint]]);
});
