import { describe, expect, it } from "vitest";
import { type OpenRoles, tenantStores } from "../../adapters/scopes.ts";

// What the acts over several roles do where one of them fails, or keeps no runs apart.

const adapter = (store: object) => ({
  tenant: () => store,
  fleet: {
    deleteTenant: async () => ({}),
    tenants: async () => [],
    async *export() {},
    import: async () => ({}),
  },
  health: async () => "",
  close: async () => {},
});
const roles = (stores: Record<string, object>): OpenRoles<string> => ({
  names: Object.keys(stores),
  open: (role) => adapter(stores[role] ?? {}),
  about: (role) => ({ role }),
  configured: () => Object.keys(stores),
});

describe("the acts over several roles", () => {
  it("say that a role keeps no runs apart, and clean up the others", async () => {
    const stores = tenantStores(roles({ trace: {} }), "acme");
    expect(stores).toMatchObject({ tenant: "acme", trace: {} });
    const run = stores.forRun("r");
    expect(() => run.trace).toThrow(expect.objectContaining({ code: "unsupported", store: "trace" }));
    expect(await run.cleanUp()).toEqual({});
  });

  it("delete a document wherever documents are kept, and name the roles that failed", async () => {
    const asked: string[] = [];
    const keeping = (role: string) => ({
      async deleteByDocument(document: string) {
        asked.push(`${role} ${document}`);
        return { deleted: 2 };
      },
    });
    const failing = {
      async deleteByDocument() {
        throw new Error("it is away");
      },
    };
    const all = tenantStores(roles({ one: keeping("one"), none: {}, other: keeping("other") }), "acme");
    expect(await all.deleteDocument("d")).toEqual({ one: { deleted: 2 }, other: { deleted: 2 } });
    const some = tenantStores(roles({ one: failing, other: keeping("other") }), "acme");
    const error = await some.deleteDocument('"d"').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "failed", store: "fleet", cause: new Error("it is away") });
    expect(String(error)).toContain("is done in other, and left in one (it is away).");
    expect(String(error)).toContain('repeat it: await stores.tenant("acme").deleteDocument("\\"d\\"")');
    expect(asked).toEqual(["one d", "other d", 'other "d"']);
  });
});
