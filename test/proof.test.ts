import { describe, expect, it } from "vitest";
import { type Check, withCheck } from "./lab/proof.ts";
import { summary } from "./matrix.ts";

const own: Check = {
  check: "smoke",
  target: "docker",
  passed: true,
  on: "own build of the product",
  detail: "first",
};
const image = `docker.io/library/redis:8.10.1@sha256:${"0123456789abcdef".repeat(4)}`;
const official: Check = { ...own, on: "official image", image, detail: "second" };

describe("proof", () => {
  it("keeps what the official image and what the lab's own shows side by side, in one order", () => {
    expect(withCheck([own], official)).toEqual([official, own]);
    expect(withCheck([official], own)).toEqual([official, own]);
  });

  it("holds the newest result of a check on one ground", () => {
    const again = { ...official, passed: false };
    expect(withCheck([official, own], again)).toEqual([again, own]);
  });

  it("names what it ran on, the official image by its digest, and failures before everything", () => {
    const contract = { ...own, check: "session contract" };
    expect(summary([own, contract])).toBe("smoke, session contract — own build of the product");
    expect(summary([official])).toBe("smoke — `sha256:0123456789ab`");
    expect(summary([{ ...own, passed: false }, contract])).toBe("**failed:** smoke");
    expect(summary([])).toBe("not run");
  });
});
