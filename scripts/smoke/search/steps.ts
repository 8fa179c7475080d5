import { hashEmbedder } from "../../../adapters/embedder.ts";
import { hybrid, type SearchEntry, type SearchStore, type TenantStores } from "../../../adapters/index.ts";
import { chunk } from "../chunker.ts";
import { embedCorpus, readCorpus } from "../corpus.ts";
import { type Context, check, type RoleSteps, type Step } from "../step.ts";

/** What proves the `search` role: prose that is found by its words, as an assistant would look for a passage. */
export function searchSteps(context: Context): RoleSteps {
  const { steps, afterRestart, store } = new Passages(context);
  return { steps, ping: () => store().count(), afterRestart };
}

/** The address that every query is answered by, and another. */
const ADDRESSES = ["1941-franklin-d-roosevelt", "1790-george-washington"];
const [ROOSEVELT] = ADDRESSES;
const QUERIES = [
  "four essential human freedoms",
  '"freedom of speech"',
  "arsenal -agriculture",
  "tyranny or unanimity",
];
const TYPO = { text: "tyrany propagnda", corrected: "tyranny propaganda" };

class Passages {
  readonly #context: Context;
  readonly #addresses = readCorpus().filter(({ id }) => ADDRESSES.includes(id));
  readonly #entries: SearchEntry[];

  constructor(context: Context) {
    this.#context = context;
    this.#entries = this.#addresses.flatMap(({ id, title, text, year }) =>
      chunk(text).map((piece) => ({
        id: `${id}#${piece.position}`,
        document: id,
        title,
        text: piece.text,
        metadata: { year, place: piece.position },
      })),
    );
  }

  /** Of the run's own tenant; another object after a reopening. */
  readonly #stores = (): TenantStores => this.#context.tenant("searcher");
  readonly store = (): SearchStore => this.#stores().search;

  readonly steps: Step[] = [
    { name: "index prose", role: "search", run: () => this.#index() },
    { name: "find passages", role: "search", run: () => this.#find() },
    { name: "highlight, typo, filter", role: "search", run: () => this.#details() },
    { name: "words and meaning", role: "search", run: () => this.#hybrid() },
    { name: "another tenant", role: "search", run: () => this.#isolation() },
    { name: "delete a document", role: "search", run: () => this.#delete() },
  ];

  readonly afterRestart: Step[] = [{ name: "find the passages again", role: "search", run: () => this.#find() }];

  async #index(): Promise<string> {
    const { written } = await this.store().index(this.#entries);
    await this.store().index(this.#entries.slice(0, 20)); // once more: nothing may be there twice
    const count = await this.store().count();
    check(
      written === this.#entries.length && count === written,
      `of ${this.#entries.length} passages ${count} are there`,
    );
    return `${written} passages of ${ADDRESSES.length} addresses`;
  }

  async #find(): Promise<string> {
    for (const text of QUERIES) {
      const { hits, corrected } = await this.store().query({ text, limit: 3 });
      const [best] = hits;
      check(best?.document === ROOSEVELT, `${text} is answered from ${best?.document ?? "nowhere"}`);
      check(corrected === undefined, `${text} was taken for ${corrected}`);
      const source = this.#entries.find(({ id }) => id === best?.id);
      check(best?.text === source?.text && best?.title === source?.title, `passage ${best?.id} came back changed`);
    }
    return `${QUERIES.length} queries answered from the right address`;
  }

  async #details(): Promise<string> {
    const marked = await this.store().query({ text: "arsenal", highlight: true });
    check(
      marked.hits[0]?.highlight?.includes("<mark>arsenal</mark>") === true,
      "the word that was found is not marked",
    );
    const { hits, corrected } = await this.store().query({ text: TYPO.text });
    check(corrected === TYPO.corrected && hits.length > 0, `${TYPO.text} was taken for ${corrected}`);
    const early = await this.store().query({ text: "nation", limit: 100, filter: { year: { lt: 1900 } } });
    const right = early.hits.length > 0 && early.hits.every(({ document }) => document !== ROOSEVELT);
    check(right, "a filter by year lets others through");
    return `“${TYPO.text}” was taken for “${corrected}”`;
  }

  async #hybrid(): Promise<string> {
    if (!this.#context.plan.bindings.vector) return "no store of vectors to ask beside";
    const embedder = hashEmbedder();
    await this.#stores().vector.upsert(await embedCorpus(this.#addresses, embedder));
    const text = "freedom of speech";
    const [vector] = await embedder.embed([text]);
    const { hits } = await hybrid(this.#stores(), { text, vector: vector ?? [], topK: 3 });
    const first = hits.find(({ ranks }) => ranks.search === 1);
    check(first !== undefined && first.document === ROOSEVELT, "what search has first is not among the best of both");
    check(
      hits.some(({ ranks }) => ranks.vector === 1),
      "the nearest vector is not among the best of both",
    );
    return `first by words is number ${first.ranks.vector ?? "> 50"} by vector`;
  }

  async #isolation(): Promise<string> {
    const stranger = this.#context.tenant("stranger").search;
    const { hits, corrected } = await stranger.query({ text: "tyrany" });
    check(hits.length === 0 && corrected === undefined, "a tenant that wrote nothing finds something");
    await stranger.deleteByDocument(ROOSEVELT ?? "");
    check((await this.store().count()) === this.#entries.length, "a tenant deleted what is another's");
    return "found nothing, not even a word to mend a typo with";
  }

  async #delete(): Promise<string> {
    const [, other = ""] = ADDRESSES;
    const { deleted } = await this.store().deleteByDocument(other);
    const left = await this.store().query({ text: "nation", limit: 1_000 });
    check(deleted > 0 && left.hits.every(({ document }) => document === ROOSEVELT), "a deleted document is found");
    return `${deleted} passages are no longer found`;
  }
}
