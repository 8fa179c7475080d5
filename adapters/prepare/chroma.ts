import { randomUUID } from "node:crypto";
import { type Chroma, chromaAt } from "../clients/chroma.ts";
import { isThere } from "../clients/chroma-errors.ts";
import { StoreError } from "../errors.ts";
import type { PrepareProduct } from "./contract.ts";

const prepareProduct: PrepareProduct = {
  async prepare({ admin }) {
    const chroma = chromaAt(admin);
    try {
      await unlessThere(chroma.send("POST", "/tenants", { name: chroma.place.area }));
      await tryLists(chroma);
    } finally {
      await chroma.close();
    }
    return { roles: [], migrations: 0, applied: [] };
  },
  pending: async () => [],
  migrate: async () => [],
};
export default prepareProduct;

/** Sees whether the server looks into lists, from 1.5 on. It calls itself the same whatever its version. */
async function tryLists(chroma: Chroma): Promise<void> {
  // A name that no tenant's database has, and no other trial that is under way.
  const name = `trial-${randomUUID()}`;
  await chroma.send("POST", chroma.path("databases"), { name });
  const collections = chroma.path("databases", name, "collections");
  try {
    const { id } = await chroma.send<{ id: string }>("POST", collections, { name });
    await chroma.send("POST", `${collections}/${id}/get`, { where: { tags: { $contains: name } }, include: [] });
  } catch (cause) {
    if (!(cause instanceof StoreError) || cause.code !== "failed") throw cause;
    throw new StoreError("unsupported", "chroma", "This Chroma finds nothing by lists.", "Use 1.5 or later.", cause);
  } finally {
    await chroma.send("DELETE", chroma.path("databases", name));
  }
}

async function unlessThere(call: Promise<unknown>): Promise<void> {
  await call.catch((error) => {
    if (!isThere(error)) throw error;
  });
}
