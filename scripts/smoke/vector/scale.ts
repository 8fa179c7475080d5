import type { Filter } from "../../../adapters/index.ts";
import type { Metadata } from "../../../adapters/input.ts";
import type { Chunk, VectorHit, VectorStore } from "../../../adapters/vector/contract.ts";
import { mismatch, type Ranked, rank, recall } from "../brute-force.ts";
import { type Clusters, clusters } from "../clusters.ts";
import { type Context, check, type Step, WrongAnswer } from "../step.ts";

const TOP = 10;
const RECALL = 0.95;
const QUERIES = 40;
/** Large enough that stores walk their approximate index for it; the small ones share that index. */
const LARGE = 4_000;
const SMALL = 60;
const SMALL_TENANTS = 19;

/** From filters that most chunks pass, for which an approximate index still pays, to those that few do, for which it does not. */
const FILTERS: readonly { filter: Filter; holds: (metadata: Metadata) => boolean }[] = [
  { filter: { hundredth: { gte: 10 } }, holds: ({ hundredth }) => Number(hundredth) >= 10 },
  { filter: { tenth: 3 }, holds: ({ tenth }) => tenth === 3 },
  { filter: { hundredth: 42 }, holds: ({ hundredth }) => hundredth === 42 },
  { filter: { cluster: 7 }, holds: ({ cluster }) => cluster === 7 },
];

const smallName = (at: number) => `small-${at}`;

/** Many vectors of many tenants: what needs an approximate index, and what it must not get wrong. */
export class Scale {
  readonly #context: Context;
  readonly #clusters: Clusters;
  #large: Chunk[] = [];
  readonly #small = new Map<string, Chunk[]>();
  #queries: Float32Array[] = [];

  constructor(context: Context) {
    this.#context = context;
    this.#clusters = clusters(context.run);
  }

  readonly steps: Step[] = [
    { name: "ingest vectors", role: "vector", run: () => this.#ingest() },
    { name: "index", role: "vector", run: () => this.#index() },
    { name: "recall", role: "vector", run: () => this.#recall() },
    { name: "recall with filters", role: "vector", run: () => this.#filters() },
    { name: "small tenants", role: "vector", run: () => this.#smallTenants() },
    { name: "delete a tenant", role: "vector", run: () => this.#deleteTenant() },
  ];

  readonly afterRestart: Step[] = [{ name: "read the vectors back", role: "vector", run: () => this.#readBack() }];

  #store(name: string): VectorStore {
    return this.#context.tenant(name).vector;
  }

  async #ingest(): Promise<string> {
    // The large tenant last: stores build an approximate index at the end of the load that makes it worth one.
    for (let at = 1; at <= SMALL_TENANTS; at++) {
      const members = this.#clusters.members(smallName(at), SMALL);
      this.#small.set(smallName(at), members);
      await this.#store(smallName(at)).upsert(members);
    }
    this.#large = this.#clusters.members("large", LARGE);
    this.#queries = this.#clusters.queries(QUERIES);
    const { written } = await this.#store("large").upsert(this.#large);
    const count = await this.#store("large").count();
    check(
      written === LARGE && count === LARGE,
      `${written} of ${LARGE} vectors were written, and ${count} are counted`,
    );
    return `${LARGE + SMALL * SMALL_TENANTS} clustered vectors of ${SMALL_TENANTS + 1} tenants`;
  }

  async #index(): Promise<string> {
    const store = this.#store("large");
    const [vector] = this.#queries as [Float32Array];
    const { access, index, detail } = await store.explain({ vector, topK: TOP });
    if (!store.can.ann) {
      check(access === "exact", `it declares no approximate index and answers by ${index}`);
      return `none: ${store.why.ann}`;
    }
    check(
      access === "ann" && index !== null,
      `${LARGE} vectors are searched without the approximate index:\n${detail}`,
    );
    return `${index}, for the account that applications use`;
  }

  async #recall(): Promise<string> {
    const started = performance.now();
    const answers: VectorHit[][] = [];
    for (const vector of this.#queries) answers.push(await this.#store("large").query({ vector, topK: TOP }));
    const each = (performance.now() - started) / QUERIES;
    const shares = answers.map((hits, at) => recall(hits, rank(this.#queries[at] as Float32Array, this.#large), TOP));
    for (const hits of answers) this.#expectOwn(hits);
    return `${this.#expectRecall(shares, "no filter")} over ${QUERIES} queries, ${each.toFixed(1)} ms each`;
  }

  async #filters(): Promise<string> {
    const store = this.#store("large");
    const seen: string[] = [];
    for (const { filter, holds } of FILTERS) {
      const matching = this.#large.filter(({ metadata = {} }) => holds(metadata));
      const shares: number[] = [];
      for (const vector of this.#queries.slice(0, QUERIES / 4)) {
        const { access } = await store.explain({ vector, topK: TOP, filter });
        const hits = await store.query({ vector, topK: TOP, filter });
        const ranking = rank(vector, matching);
        if (access === "exact") this.#expectExact(JSON.stringify(filter), hits, ranking);
        else shares.push(recall(hits, ranking, TOP));
      }
      const share = `${((100 * matching.length) / LARGE).toFixed(0)} %`;
      seen.push(`${share} ${shares.length === 0 ? "exact" : this.#expectRecall(shares, JSON.stringify(filter))}`);
    }
    return seen.join(" · ");
  }

  async #smallTenants(): Promise<string> {
    const [vector] = this.#queries as [Float32Array];
    for (const [name, members] of this.#small) {
      const hits = await this.#store(name).query({ vector, topK: TOP });
      this.#expectExact(`tenant ${name}`, hits, rank(vector, members));
    }
    return `${this.#small.size} tenants beside the large one, each with exactly its own`;
  }

  async #deleteTenant(): Promise<string> {
    const name = smallName(1);
    this.#small.delete(name);
    const { vector: counts = {} } = (await this.#context.fleet.deleteTenant(this.#context.idOf(name))).counts;
    const again = (await this.#context.fleet.deleteTenant(this.#context.idOf(name))).counts.vector ?? {};
    check(counts.chunks === SMALL, `${counts.chunks} of ${SMALL} chunks were removed`);
    check(
      Object.values(again).every((count) => count === 0),
      "a second deletion still found something",
    );
    const left = await this.#store(name).count();
    check(left === 0, `the tenant still counts ${left} chunks`);
    await this.#expectCounts();
    return Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(", ");
  }

  async #readBack(): Promise<string> {
    await this.#expectCounts();
    const [vector] = this.#queries as [Float32Array];
    let read = 0;
    for (let tenth = 0; tenth < 10; tenth++) {
      const hits = await this.#store("large").query({ vector, topK: 1000, filter: { tenth } });
      const matching = this.#large.filter(({ metadata }) => metadata?.tenth === tenth);
      this.#expectExact(`{"tenth":${tenth}}`, hits, rank(vector, matching), 1000);
      const texts = new Map(matching.map(({ id, text }) => [id, text]));
      for (const { id, text } of hits) check(texts.get(id) === text, `chunk ${id} came back changed`);
      read += hits.length;
    }
    check(read === LARGE, `${read} of ${LARGE} vectors were read back`);
    return `all ${read} of the large tenant; ${this.#small.size} others count theirs`;
  }

  async #expectCounts(): Promise<void> {
    for (const [name, members] of [["large", this.#large] as const, ...this.#small]) {
      const count = await this.#store(name).count();
      check(count === members.length, `tenant ${name} counts ${count} chunks and has ${members.length}`);
    }
  }

  #expectOwn(hits: readonly VectorHit[]): void {
    const other = hits.find(({ id }) => !id.startsWith("large-"));
    check(!other, `a chunk of another tenant is in the answer: ${other?.id}`);
  }

  #expectExact(what: string, hits: readonly VectorHit[], ranking: readonly Ranked[], topK = TOP): void {
    const wrong = mismatch(hits, ranking, topK);
    if (wrong) throw new WrongAnswer(`${what}: ${wrong}`);
  }

  #expectRecall(shares: readonly number[], what: string): string {
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    check(mean >= RECALL, `recall@${TOP} is ${mean.toFixed(3)} with ${what}; at least ${RECALL} is right`);
    return `recall@${TOP} ${mean.toFixed(3)}`;
  }
}
