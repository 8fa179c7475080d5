import { expect, it } from "vitest";
import { type ArtifactBench, paths } from "./artifact-fixture.ts";

export function tenants(bench: () => ArtifactBench): void {
  it("shows each tenant its own", async () => {
    const [one, two] = [bench().fresh(), bench().fresh()];
    await one.artifact.put("same", "of one", { run: "r" });
    expect(await two.artifact.stat("same")).toBeUndefined();
    expect(await two.artifact.get("same")).toBeUndefined();
    expect(await paths(two.artifact)).toEqual([]);
    expect(await two.artifact.delete("same")).toBe(false);
    expect(await two.artifact.deleteByRun("r")).toEqual({ deleted: 0 });
    await two.artifact.put("same", "of two", { run: "r" });
    expect(await one.artifact.text("same")).toBe("of one");
    expect(await two.artifact.deleteByRun("r")).toEqual({ deleted: 1 });
    expect(await one.artifact.text("same")).toBe("of one");
  });

  it("counts each tenant's artifacts and bytes", async () => {
    const [one, two, none] = [bench().fresh(), bench().fresh(), bench().fresh()];
    await one.artifact.put("a", "123", { run: "r" });
    await one.artifact.put("b/c", "4567");
    await two.artifact.put("a", "");
    const all = await bench().fleet.artifact.tenants();
    const of = (tenant: string) => all.find((each) => each.tenant === tenant);
    expect(of(one.tenant)).toEqual({ tenant: one.tenant, artifacts: 2, bytes: 7 });
    expect(of(two.tenant)).toEqual({ tenant: two.tenant, artifacts: 1, bytes: 0 });
    expect(of(none.tenant)).toBeUndefined();
    expect(all.map(({ tenant }) => tenant)).toEqual(all.map(({ tenant }) => tenant).sort());
  });

  it("deletes a tenant, once, and no other", async () => {
    const [one, two] = [bench().fresh(), bench().fresh()];
    for (const { artifact } of [one, two]) {
      await artifact.put("a", "1", { run: "r" });
      await artifact.put("b/c", "2");
      await artifact.put("\ufffd\ue000", "3");
    }
    expect((await bench().fleet.deleteTenant(one.tenant)).counts.artifact).toMatchObject({ artifacts: 3 });
    const again = (await bench().fleet.deleteTenant(one.tenant)).counts.artifact ?? {};
    expect(Object.values(again).every((n) => n === 0)).toBe(true);
    expect(await paths(one.artifact)).toEqual([]);
    if (one.artifact.can.index) expect(await one.artifact.find({})).toEqual([]);
    expect(await paths(two.artifact)).toEqual(["a", "b/c", "\ufffd\ue000"]);
    await one.artifact.put("a", "again");
    expect(await one.artifact.stat("a")).toMatchObject({ run: null });
    for (const id of ["", "-a", "A", "a_b", "a/b", "..", "x".repeat(64)]) {
      expect(() => bench().stores.tenant(id), id).toThrow();
      await expect(bench().fleet.artifact.deleteTenant(id), id).rejects.toMatchObject({ code: "invalid" });
    }
  });

  it("answers for its health", async () => {
    const [health, ...others] = await bench().fleet.health();
    expect(others).toEqual([]);
    expect(health).toMatchObject({ role: "artifact", ok: true, detail: expect.stringMatching(/\w/) });
  });
}
