import type { RoleStores, VectorHit } from "../../adapters/index.ts";
import { allOf } from "./expectations.ts";
import type { OpenRole } from "./servers.ts";
import { chunk } from "./vector-fixture.ts";

/** One operation of a role for an owner, with a number from which it makes its names: resolves to the owners of everything that it read. */
type Act = (stores: RoleStores, owner: string, n: number) => Promise<unknown[]>;

const at = (n: number) => [1, n % 7, n % 5, n % 3];
const owners = (hits: readonly VectorHit[]) => hits.flatMap(({ text, uri, metadata }) => [text, uri, metadata.owner]);
const nothing = async (written: Promise<unknown>) => {
  await written;
  return [];
};

/** Names are the same for all owners, and what is under them says whose it is. */
const ACTS: { readonly [Role in OpenRole]: readonly Act[] } = {
  vector: [
    ({ vector }, owner, n) => {
      const more = { text: owner, document: `d${n % 9}`, uri: owner, metadata: { owner, n: n % 4 } };
      return nothing(vector.upsert([chunk(`c${n % 40}`, at(n), more)]));
    },
    async ({ vector }, _, n) => owners(await vector.query({ vector: at(n), topK: 10 })),
    async ({ vector }, _, n) => owners(await vector.query({ vector: at(n), topK: 10, filter: { n: n % 4 } })),
    async ({ vector }, _, n) => owners(await vector.query({ vector: at(n), topK: 1, minScore: 0 })),
    async ({ vector }, owner) => ((await vector.count({ not: [{ owner }] })) > 0 ? ["another"] : []),
    ({ vector }, _, n) => nothing(n % 5 ? Promise.resolve() : vector.deleteByDocument(`d${n % 9}`)),
  ],
  memory: [
    ({ memory }, owner, n) => nothing(memory.put({ key: `k${n % 30}`, value: owner, kind: `kind ${n % 3}` })),
    ({ memory }, owner) => nothing(memory.put({ key: `of ${owner}`, value: owner })),
    async ({ memory }, _, n) => [(await memory.get(`k${n % 30}`))?.value],
    async ({ memory }, _, n) =>
      (await memory.getMany([0, 1, 2].map((i) => `k${(n + i) % 30}`))).map((one) => one?.value),
    async ({ memory }, _, n) => (await memory.search({ kind: `kind ${n % 3}` })).facts.map(({ value }) => value),
    async ({ memory }) => (await memory.search({ text: "contract" })).facts.map(({ value }) => value),
    async ({ memory }, _, n) => (await memory.history(`k${n % 30}`, { limit: 5 })).map(({ after }) => after?.value),
    ({ memory }, _, n) => nothing(memory.delete({ key: `k${n % 30}` })),
  ],
  session: [
    ({ session }, owner, n) => nothing(session.set(`k${n % 30}`, owner)),
    ({ session }, owner) => nothing(session.set(`of ${owner}`, owner)),
    ({ session }, owner, n) => nothing(session.append(`l${n % 5}`, [owner], { keep: 5 })),
    ({ session }, owner, n) => nothing(session.setScore(`r${n % 5}`, owner, n)),
    async ({ session }, _, n) => [await session.get(`k${n % 30}`)],
    ({ session }, _, n) => session.getMany([0, 1, 2].map((i) => `k${(n + i) % 30}`)),
    async ({ session }, _, n) => (await session.messages(`l${n % 5}`)).map(({ value }) => value),
    async ({ session }, _, n) => (await session.ranking(`r${n % 5}`)).map(({ member }) => member),
    async ({ session }) => (await allOf(session.keys({ prefix: "of " }))).map((key) => key.slice(3)),
    ({ session }, _, n) => nothing(session.delete(`k${n % 30}`)),
  ],
  artifact: [
    ({ artifact }, owner, n) => nothing(artifact.put(`a/${n % 15}`, owner, { metadata: { owner } })),
    ({ artifact }, owner) => nothing(artifact.put(`of/${owner}`, owner, { metadata: { owner } })),
    async ({ artifact }, _, n) => [await artifact.text(`a/${n % 15}`)],
    async ({ artifact }, _, n) => [(await artifact.stat(`a/${n % 15}`))?.metadata.owner],
    async ({ artifact }) => (await allOf(artifact.list({ prefix: "of/" }))).map(({ path }) => path.slice(3)),
    async ({ artifact }, _, n) => {
      const got = await artifact.get(`a/${n % 15}`, { range: { start: 0 } });
      await got?.body.cancel();
      return [got?.metadata.owner];
    },
    async ({ artifact }) =>
      artifact.can.index ? (await artifact.find({ limit: 20 })).map(({ metadata }) => metadata.owner) : [],
    ({ artifact }, _, n) => nothing(artifact.delete(`a/${n % 15}`)),
  ],
  run: [
    ({ run }, owner, n) => nothing(run.create({ id: `r${n % 30}`, kind: `kind ${n % 3}`, state: owner })),
    ({ run }, owner) => nothing(run.create({ kind: "own", state: owner, parent: owner })),
    async ({ run }, _, n) => [(await run.get(`r${n % 30}`))?.state],
    async ({ run }, _, n) => (await run.list({ kind: `kind ${n % 3}`, limit: 10 })).runs.map(({ state }) => state),
    async ({ run }) => (await run.list({ limit: 10 })).runs.map(({ state }) => state),
    async ({ run }, owner) => (await run.claim({ worker: owner, leaseMs: 100 })).map(({ state }) => state),
    ({ run }, _, n) => nothing(run.delete(`r${n % 30}`)),
  ],
  event: [
    ({ event }, owner, n) => nothing(event.append(`s${n % 5}`, [{ type: "written", data: owner }])),
    ({ event }, owner) => nothing(event.append(`of ${owner}`, [{ type: "written", data: owner }])),
    async ({ event }, _, n) => (await event.read(`s${n % 5}`, { limit: 10 })).map(({ data }) => data),
    async ({ event }, _, n) => (await event.read(`s${n % 5}`, { limit: 10, backwards: true })).map(({ data }) => data),
    async ({ event }) => (await allOf(event.streams({ prefix: "of " }))).map(({ stream }) => stream.slice(3)),
    ({ event }, _, n) => nothing(event.trim(`s${n % 5}`, { keep: 20 })),
  ],
  search: [
    ({ search }, owner, n) =>
      nothing(search.index([{ id: `e${n % 30}`, text: `word${n % 3} of ${owner}`, metadata: { owner } }])),
    async ({ search }, _, n) =>
      (await search.query({ text: `word${n % 3}` })).hits.map(({ metadata }) => metadata.owner),
    async ({ search }, _, n) =>
      (await search.query({ text: `wrod${n % 3}`, fuzzy: "auto" })).hits.map(({ metadata }) => metadata.owner),
    async ({ search }, owner) => ((await search.count({ not: [{ owner }] })) > 0 ? ["another"] : []),
    ({ search }, _, n) => nothing(n % 5 ? Promise.resolve() : search.delete(`e${n % 30}`)),
  ],
};

/** The operations of a role; a role without any is none that was thought of. */
export const actsOf = (role: OpenRole): readonly Act[] => ACTS[role];
export const ROLES = Object.keys(ACTS) as OpenRole[];
