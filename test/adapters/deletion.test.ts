import { describe, expect, it } from "vitest";
import { type DeletingRole, deleteTenant } from "../../adapters/deletion/delete-tenant.ts";
import { StoreError } from "../../adapters/errors.ts";

// How often a deletion looks, and what it says; what it does to stores is in test/contract/deletion.test.ts.

/** A role whose passes find so many things; the last of them goes on. */
function finding(role: string, ...found: (number | Error)[]): DeletingRole & { asked: () => number } {
  let pass = 0;
  const fleet = {
    async deleteTenant() {
      const now = found[Math.min(pass++, found.length - 1)] ?? 0;
      if (now instanceof Error) throw now;
      return { things: now };
    },
  };
  return { role, store: "inprocess", fleet: () => fleet, asked: () => pass };
}

describe("the deletion of a tenant", () => {
  it("looks once where nothing is found, and again where a look found something", async () => {
    const { counts, certificate } = await deleteTenant(
      [finding("one", 3, 0), finding("other", 1, 2, 0)],
      undefined,
      "acme",
    );
    expect(counts).toEqual({ one: { things: 3 }, other: { things: 3 } });
    expect(certificate.outcome).toBe("complete");
    expect(certificate.roles.map(({ passes, found }) => ({ passes, found }))).toEqual([
      { passes: 3, found: {} },
      { passes: 3, found: {} },
    ]);
  });

  it("gives up where each look finds more", async () => {
    const written = finding("session", 5, 1);
    const error = await deleteTenant([written, finding("vector", 0)], undefined, "acme").catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "conflict", store: "fleet" });
    expect(String(error)).toContain("each look found more (session: 1 things). Stop what writes as this tenant");
    expect(written.asked()).toBe(4);
  });

  it("looks into the others where one fails, and asks the failed one no more", async () => {
    const away = finding("session", new StoreError("unavailable", "redis", "It is away.", "Start it."));
    const there = finding("vector", 2, 0);
    const error = await deleteTenant([away, there], undefined, "acme").catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "unavailable", cause: { store: "redis" } });
    expect(String(error)).toContain("is done in vector, and left in session (redis: It is away. Start it.)");
    expect([away.asked(), there.asked()]).toEqual([1, 2]);
    await expect(deleteTenant([there], undefined, "A")).rejects.toMatchObject({ code: "invalid" });
  });
});
