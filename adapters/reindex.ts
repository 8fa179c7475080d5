import type { Embedder } from "./embedder.ts";
import { StoreError } from "./errors.ts";
import type { Fleet, Stores } from "./index.ts";
import { type Comparison, compare } from "./vector/compare.ts";
import type { EmbeddingSpace, Move, SpacesState, VectorStore } from "./vector/contract.ts";
import { spaceName } from "./vector/spaces.ts";
import { checkSpace } from "./vector/validate.ts";

/*
 * A walk embeds every chunk that is missing in the new space. Whatever is written meanwhile is missing again, so walks are repeated until one finds
 * nothing; then the tenant is switched in one statement that sees for itself that nothing is missing. All that is remembered is in the vectors.
 */

/** Walks after which it is given up: what changes faster than it is embedded is never done. Each is shorter than the one before. */
const WALKS = 30;

export type { Comparison } from "./vector/compare.ts";

export interface ReindexOptions {
  /** @default all that have chunks */
  tenants?: readonly string[];
  /** The space to move from, as `provider/model`. @default the tenant's current one; after the switch, the one before */
  from?: string;
  /** Texts per call of the embedder, 1 to 1,000. @default 64 */
  batch?: number;
  /** Chunks whose neighbours are compared between the spaces, 0 to 1,000. @default 50 */
  sample?: number;
  /** When nothing is missing, make the new space the current one where `from` is that. @default true */
  switch?: boolean;
  /** Afterwards remove the vectors in the old space, and free what it took once no tenant has any. @default false */
  dropOld?: boolean;
  /** Called after each batch, and before what may take long. */
  progress?(at: { tenant: string; doing: "embedding" | "indexing" | "comparing"; done: number; total: number }): void;
}

/** What is to be done for a tenant. */
export interface TenantPlan {
  tenant: string;
  /** Null when it has no chunks in any other space. */
  from: EmbeddingSpace | null;
  /** Chunks in `from`. */
  chunks: number;
  /** Those of them that the new space lacks. */
  missing: number;
}

export interface TenantReport extends TenantPlan {
  /** Vectors that were written. */
  embedded: number;
  /** Null where there was nothing to compare. */
  comparison: Comparison | null;
  /** Whether nothing is missing any more, and queries without a space that went to `from` go to the new one. */
  switched: boolean;
  /** What `dropOld` removed, and chunks that are in the old space alone. */
  removed: number;
  kept: number;
}

export interface ReindexReport {
  tenants: TenantReport[];
  /** Old spaces whose table and index are gone. */
  dropped: EmbeddingSpace[];
  /** Old spaces that are still there although they should be gone, and why. */
  remaining: { space: EmbeddingSpace; why: "used" | "busy" }[];
}

/** The stores that a move needs: those of the application, and the acts across tenants. */
export interface ReindexStores {
  stores: Pick<Stores, "tenant">;
  fleet: Pick<Fleet, "vector">;
}

/** What `reindex` would do. Writes nothing. */
export async function planReindex(
  { stores, fleet }: ReindexStores,
  to: EmbeddingSpace,
  { tenants, from }: Pick<ReindexOptions, "tenants" | "from"> = {},
): Promise<TenantPlan[]> {
  const ids = tenants ?? (await fleet.vector.tenants()).map(({ tenant }) => tenant);
  const plans: TenantPlan[] = [];
  for (const tenant of ids) {
    const { reindexing } = stores.tenant(tenant).vector;
    const state = await reindexing.state();
    const source = sourceOf(tenant, state, to, from);
    const chunks = state.spaces.find(({ space }) => source && same(space, source))?.chunks ?? 0;
    const missing = source ? await reindexing.countMissing({ from: source, to }) : 0;
    plans.push({ tenant, from: source, chunks, missing });
  }
  return plans;
}

/**
 * Embeds the chunks of tenants in another space beside the one that answers, and then lets queries without a space go there. The old space answers throughout,
 * and is kept until `dropOld`. May be broken off and repeated at any moment: it goes on where it was.
 *
 * @throws StoreError `invalid` for a tenant with several spaces where none is the current one and `from` does not say which; `conflict` when chunks change faster
 * than they are embedded; and what the embedder throws. What was written by then stays, and the old space answers.
 */
export async function reindex(
  at: ReindexStores,
  embedder: Embedder,
  options: ReindexOptions = {},
): Promise<ReindexReport> {
  const { switch: switches = true, dropOld = false, sample = 50 } = options;
  const to = embedder.space;
  checkSpace(to);
  if (dropOld && !switches) refuse("The old space cannot be dropped while it is the current one.", "Let it switch.");
  const reports: TenantReport[] = (await planReindex(at, to, options)).map((plan) => {
    return { ...plan, embedded: 0, comparison: null, switched: false, removed: 0, kept: 0 };
  });
  const vectorOf = ({ tenant }: TenantPlan) => at.stores.tenant(tenant).vector;
  const moving = reports.flatMap((report) => (report.from ? [{ report, move: { from: report.from, to } }] : []));

  // All tenants first: the space's index is built once, when everything is in it.
  for (const { report, move } of moving) {
    if (report.missing > 0) await vectorOf(report).reindexing.begin(move, report.missing);
    report.embedded = await walks(vectorOf(report), move, embedder, report, options);
  }
  const tell = (doing: "indexing" | "comparing", { tenant, chunks }: TenantPlan) =>
    options.progress?.({ tenant, doing, done: chunks, total: chunks });
  for (const { report } of moving) {
    if (report.embedded === 0) continue;
    tell("indexing", report);
    await vectorOf(report).reindexing.finish(to);
  }
  for (const { report, move } of moving) {
    if (sample > 0) {
      tell("comparing", report);
      report.comparison = await compare(vectorOf(report), move, sample);
    }
    if (!switches) continue;
    report.embedded += await switchOver(vectorOf(report), move, embedder, report, options);
    report.switched = true;
  }
  return { tenants: reports, ...(dropOld ? await dropAll(at, to, reports) : { dropped: [], remaining: [] }) };
}

/** The space that a tenant moves from; null when it has no other than `to`. */
function sourceOf(tenant: string, state: SpacesState, to: EmbeddingSpace, from?: string): EmbeddingSpace | null {
  const others = state.spaces.map(({ space }) => space).filter((space) => !same(space, to));
  const named = from === undefined ? others : others.filter(({ provider, model }) => `${provider}/${model}` === from);
  const marked = [state.current, state.previous].find((one) => one && named.some((other) => same(other, one)));
  if (marked) return marked;
  if (named.length > 1)
    refuse(
      `Tenant ${tenant} has several other spaces: ${named.map(spaceName).join("; ")}.`,
      "Say which one to move from: --from provider/model",
    );
  return named[0] ?? null;
}

const same = (a: EmbeddingSpace, b: EmbeddingSpace) => checkSpace(a).id === checkSpace(b).id;

/** Embeds what is missing until a walk finds nothing; resolves to the number of vectors written. */
async function walks(
  vector: VectorStore,
  move: Move,
  embedder: Embedder,
  { tenant, missing: total }: TenantPlan,
  { batch = 64, progress }: ReindexOptions,
): Promise<number> {
  let written = 0;
  for (let walk = 0; walk < WALKS; walk++) {
    let found = 0;
    let after = "";
    let sending = Promise.resolve();
    try {
      for (;;) {
        const chunks = await vector.reindexing.missing(move, after, batch);
        if (chunks.length === 0) break;
        found += chunks.length;
        after = chunks.at(-1)?.id ?? after;
        const vectors = await embedAll(
          embedder,
          chunks.map(({ text }) => text),
        ); // while the batch before is written
        await sending;
        const added = chunks.map(({ id, contentHash }, i) => ({ id, contentHash, vector: vectors[i] as Float32Array }));
        sending = vector.reindexing.add(move, added).then((n) => {
          written += n;
          progress?.({ tenant, doing: "embedding", done: written, total: Math.max(total, written) });
        });
        sending.catch(() => {}); // awaited above or below
      }
    } finally {
      await sending;
    }
    if (found === 0) return written;
  }
  return tooFast(tenant);
}

/** Switches, after whatever was written since the last walk; resolves to the number of vectors that took. */
async function switchOver(
  vector: VectorStore,
  move: Move,
  embedder: Embedder,
  report: TenantReport,
  options: ReindexOptions,
): Promise<number> {
  let written = 0;
  for (let attempt = 0; attempt < WALKS; attempt++) {
    if ((await vector.reindexing.switch(move)).missing === 0) return written;
    written += await walks(vector, move, embedder, report, { batch: options.batch });
  }
  return tooFast(report.tenant);
}

function tooFast(tenant: string): never {
  throw new StoreError(
    "conflict",
    "vector",
    `Chunks of tenant ${tenant} are written faster than they are embedded; it was not switched.`,
    "Type it again at a quieter time: what is done is done.",
  );
}

async function embedAll(embedder: Embedder, texts: readonly string[]): Promise<Float32Array[]> {
  const vectors = await embedder.embed(texts);
  if (Array.isArray(vectors) && vectors.length === texts.length) return vectors;
  return refuse(
    `The embedder gave ${Array.isArray(vectors) ? vectors.length : "no"} vectors for ${texts.length} texts.`,
    "It must give one for each, in order.",
  );
}

/** Removes the old vectors of tenants that were switched, then each old space that nobody uses any more. */
async function dropAll(
  { stores, fleet }: ReindexStores,
  to: EmbeddingSpace,
  reports: TenantReport[],
): Promise<Pick<ReindexReport, "dropped" | "remaining">> {
  const spaces = new Map<string, EmbeddingSpace>();
  for (const report of reports) {
    if (!report.from || !report.switched) continue;
    spaces.set(checkSpace(report.from).id, report.from);
    Object.assign(report, await stores.tenant(report.tenant).vector.reindexing.drop({ from: report.from, to }));
  }
  const dropped: EmbeddingSpace[] = [];
  const remaining: ReindexReport["remaining"] = [];
  for (const space of spaces.values()) {
    const why = await fleet.vector.dropSpace(space);
    if (why === "dropped" || why === "absent") dropped.push(space);
    else remaining.push({ space, why });
  }
  return { dropped, remaining };
}

function refuse(what: string, mend: string): never {
  throw new StoreError("invalid", "vector", what, mend);
}
