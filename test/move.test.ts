import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openFleet, openStores } from "../adapters/index.ts";
import { compare } from "../adapters/move/compare.ts";
import { copy } from "../adapters/move/copy.ts";
import type { RoleFleet, SnapshotRecord } from "../adapters/role.ts";
import { BlobFolder } from "../adapters/snapshot/blobs.ts";
import { sha } from "./contract/artifact-fixture.ts";
import { FILL } from "./contract/portable-fixture.ts";
import { chunk } from "./contract/vector-fixture.ts";

// From one store to another, and whether they are the same then.

const folder = mkdtempSync(join(tmpdir(), "agent-stores-move-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let n = 0;
const fresh = () => join(folder, String(++n));
const blobs = () => new BlobFolder(fresh());

/** Two stores of a role; the first holds something. */
async function pair(role: "vector" | "session" | "artifact", urls: readonly [string, string]) {
  const env = (url: string) => ({ [`${role.toUpperCase()}_URL`]: url });
  const stores = openStores(env(urls[0]));
  for (const tenant of ["a", "b"]) await FILL[role]?.(stores.tenant(tenant));
  const [one, other] = urls.map((url) => openFleet(env(url))[role] as RoleFleet) as [RoleFleet, RoleFleet];
  return { stores, there: openStores(env(urls[1])), one, other };
}

const inprocess = () => `inprocess:move-${++n}`;

describe("a copy", () => {
  it.each([
    ["vector", inprocess(), inprocess()],
    ["session", inprocess(), inprocess()],
    ["artifact", inprocess(), inprocess()],
  ] as const)("of %s is the same, whatever was there before", async (role, from, to) => {
    const { there, one, other } = await pair(role, [from, to]);
    await FILL[role]?.(there.tenant("stranger"));
    const seen: number[] = [];
    const counts = await copy(one, other, { blobs: blobs(), passing: (_, records) => seen.push(records) });
    const total = Object.values(counts).reduce((sum, each) => sum + each, 0);
    expect(seen).toEqual(Array.from({ length: total }, (_, i) => i + 1));
    const same = await compare(one, other);
    expect(same.records).toBe(total);
    expect((await other.tenants()).map(({ tenant }) => tenant)).toEqual(["a", "b"]);
    expect(await compare(other, one)).toEqual(same);
  });
});

describe("a comparison", () => {
  it("names what is missing, what is surplus, and what differs", async () => {
    const { there, one, other } = await pair("vector", [inprocess(), inprocess()]);
    await copy(one, other, { blobs: blobs() });
    const { vector } = there.tenant("a");
    await vector.upsert([chunk("a", [1, 2, 3, 4])]);
    await expect(compare(one, other)).rejects.toThrow(
      'Of the records, the copy lacks 1, first chunk id "a" of a; and alone has 2, first chunk id "a" of a.',
    );
    await copy(one, other, { blobs: blobs() });
    await there.tenant("more").vector.upsert([chunk("z", [1, 2, 3, 4])]);
    await expect(compare(one, other)).rejects.toMatchObject({
      code: "failed",
      message: expect.stringMatching(/^copy: Of the records, the copy alone has 2, first chunk id "z" of more\./),
    });
  }, 20_000);

  it("reads contents, and does not believe what is said of them", async () => {
    const { one, other } = await pair("artifact", [inprocess(), inprocess()]);
    await copy(one, other, { blobs: blobs() });
    const lying: RoleFleet = {
      ...other,
      export: (options) =>
        other.export({
          blobs: options?.blobs && {
            read: options.blobs.read,
            keep: (content, known) =>
              options.blobs?.keep(async function* () {
                for await (const piece of content()) yield piece.map((byte) => byte ^ 1);
              }, known) ?? Promise.resolve({ sha256: sha(""), size: 0 }),
          },
        }),
    };
    await expect(compare(one, lying)).rejects.toThrow("the copy lacks");
  }, 20_000);

  it("does not mind what ends on one side a moment before it ends on the other", async () => {
    const record = (id: string): SnapshotRecord => ({ kind: "value", tenant: "t", id });
    let looks = 0;
    const ending = (late: boolean) =>
      ({
        async *export() {
          if (late && looks++ === 0) yield record("ended");
          yield record("stays");
        },
      }) as unknown as RoleFleet;
    expect(await compare(ending(false), ending(true))).toMatchObject({ records: 1 });
    expect(looks).toBe(2);
  });

  it("gives up soon where nothing is alike", async () => {
    let read = 0;
    const many = (side: string) =>
      ({
        async *export() {
          for (let i = 0; i < 100_000; i++, read++) yield { kind: "value", tenant: "t", id: `${side}${i}` };
        },
      }) as unknown as RoleFleet;
    await expect(compare(many("a"), many("b"))).rejects.toThrow("alone has");
    expect(read).toBeLessThan(10_000);
  }, 20_000);
});
