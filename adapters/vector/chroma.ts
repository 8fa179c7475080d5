import { parallel } from "../artifact/turns.ts";
import { Beliefs, MAX_BELIEFS } from "../beliefs.ts";
import { type Chroma, chromaAt } from "../clients/chroma.ts";
import { isUnapplied } from "../clients/chroma-errors.ts";
import { checkTenant } from "../input.ts";
import { byCodePoint } from "../order.ts";
import { chromaCollections } from "./chroma-collections.ts";
import { freeSpace } from "./chroma-free.ts";
import { ChromaPlace, DOCUMENTS, tenantIn } from "./chroma-place.ts";
import type { OpenVector, VectorCapabilities, VectorStore } from "./contract.ts";
import { copiesPortable } from "./copies-portable.ts";
import { copiesStore } from "./copies-store.ts";
import { CopiesTenant, type Counted } from "./copies-tenant.ts";
import { checkSpace } from "./validate.ts";

const can: VectorCapabilities = { durable: false, ann: true, shared: true };
const why: VectorStore["why"] = {
  durable:
    "Chroma's log is on the disk when a write is answered, but it drops it for the files of its index, which it writes in place and leaves to the system: a crash while it does may cost a collection.",
};

/** Databases of one message, and tenants that are looked at together. */
const PAGE = 1_000;
const AT_ONCE = 8;

/** The `vector` role on a server of Chroma: a database for each tenant. */
const open: OpenVector = (url) => {
  const chroma = chromaAt(url);
  const held = new Beliefs<Counted>();
  const places = new Map<string, ChromaPlace>();
  const placeOf = (tenant: string): ChromaPlace => {
    const known = places.get(tenant) ?? new ChromaPlace(chroma, tenant);
    if (places.size >= MAX_BELIEFS) places.clear();
    places.set(tenant, known);
    return known;
  };
  const at = (tenant: string) => new CopiesTenant(tenant, chromaCollections(placeOf(tenant), tenant), held);
  const store = (tenant: string) => copiesStore(at(tenant), can, why);

  return {
    tenant: (tenant) => store(checkTenant(tenant)),
    fleet: {
      async deleteTenant(tenant) {
        const place = placeOf(checkTenant(tenant));
        const chunks = await unlessBroken(store(tenant).count(), 0);
        const documents = await unlessBroken(place.ask(DOCUMENTS, "count", {}, 0), 0);
        await empty(place);
        await place.remove();
        at(tenant).forget();
        return { documents, chunks };
      },
      async tenants() {
        const all = await parallel(await tenantsOn(chroma), AT_ONCE, async (tenant) => {
          return { tenant, chunks: await store(tenant).count() };
        });
        return all.filter(({ chunks }) => chunks > 0);
      },
      ...copiesPortable(() => tenantsOn(chroma), at, store),
      async dropSpace(space) {
        const checked = checkSpace(space);
        const freed = await parallel(await tenantsOn(chroma), AT_ONCE, (tenant) =>
          freeSpace(placeOf(tenant), chromaCollections(placeOf(tenant), tenant), checked),
        );
        if (freed.includes("used")) return "used";
        return freed.includes("dropped") ? "dropped" : "absent";
      },
    },
    async health() {
      const [version] = await Promise.all([
        chroma.send<string>("GET", "/version"),
        chroma.send<object>("GET", chroma.path()),
      ]);
      return `Chroma, interface ${version}, tenant ${chroma.place.area}`;
    },
    close: () => chroma.close(),
  };
};
export default open;

/** The tenants that have a database, in order. */
async function tenantsOn(chroma: Chroma): Promise<string[]> {
  const names: string[] = [];
  for (let offset = 0; ; offset += PAGE) {
    const path = chroma.path(`databases?limit=${PAGE}&offset=${offset}`);
    const page = await chroma.send<{ name: string }[]>("GET", path);
    names.push(...page.map(({ name }) => name));
    if (page.length < PAGE) return names.flatMap(tenantIn).sort(byCodePoint);
  }
}

/** Removes what is in the collections of a database: with a collection alone, the server leaves the tags of its records behind. */
async function empty(place: ChromaPlace): Promise<void> {
  for (const { name } of await place.list()) {
    const { ids } = await unlessBroken<{ ids: string[] }>(place.get(name, { include: [] }), { ids: [] });
    for (let n = 0; n < ids.length; n += PAGE)
      await unlessBroken(place.ask(name, "delete", { ids: ids.slice(n, n + PAGE) }, {}), {});
  }
}

/** A collection that the server cannot open any more shall not stand in the way of its own removal. */
async function unlessBroken<T>(call: Promise<T>, none: T): Promise<T> {
  return call.catch((error) => {
    if (!isUnapplied(error)) throw error;
    return none;
  });
}
