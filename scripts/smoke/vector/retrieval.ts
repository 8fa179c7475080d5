import { hashEmbedder } from "../../../adapters/embedder.ts";
import { type Evidence, evidence, evidenceText, verifyEvidence } from "../../../adapters/evidence.ts";
import type { Chunk, VectorHit, VectorStore } from "../../../adapters/vector/contract.ts";
import { mismatch, rank } from "../brute-force.ts";
import { type Address, embedCorpus, readCorpus } from "../corpus.ts";
import { type Context, check, type Step, WrongAnswer } from "../step.ts";
import { FILTERS, QUESTIONS } from "./questions.ts";

const TOP = 10;
/** How far down the answer may be: the embedder knows spelling, not meaning. */
const NEAR_THE_TOP = 3;
/** Addresses of a quick run; the last of them can be filtered by party and year. */
const FEW = ["1790-george-washington", "1941-franklin-d-roosevelt", "1986-ronald-reagan"];

interface Question {
  text: string;
  answeredBy: string;
  vector: Float32Array;
}

/** Real prose, real questions: what a retrieval does from ingestion to evidence. */
export class Retrieval {
  readonly #context: Context;
  readonly #embedder = hashEmbedder();
  #addresses: Address[] = [];
  #questions: Question[] = [];
  #chunks: Chunk[] = [];
  /** Of the documents that are still there. */
  #remaining: Chunk[] = [];

  constructor(context: Context) {
    this.#context = context;
  }

  readonly steps: Step[] = [
    { name: "ingest prose", role: "vector", run: () => this.#ingest() },
    { name: "ask", role: "vector", run: () => this.#ask() },
    { name: "ask with filters", role: "vector", run: () => this.#filter() },
    { name: "another tenant", role: "vector", run: () => this.#isolation() },
    { name: "evidence", role: "vector", run: () => this.#evidence() },
    { name: "delete a document", role: "vector", run: () => this.#deleteDocument() },
  ];

  readonly afterRestart: Step[] = [{ name: "read the prose back", role: "vector", run: () => this.#readBack() }];

  get store(): VectorStore {
    return this.#context.tenant("reader").vector;
  }

  async #ingest(): Promise<string> {
    this.#addresses = readCorpus().filter(({ id }) => !this.#context.quick || FEW.includes(id));
    this.#chunks = this.#remaining = await embedCorpus(this.#addresses, this.#embedder);
    const asked = QUESTIONS.filter(({ answeredBy }) => this.#addresses.some(({ id }) => id === answeredBy));
    const vectors = await this.#embedder.embed(asked.map(({ text }) => text));
    this.#questions = asked.map((question, at) => ({ ...question, vector: vectors[at] as Float32Array }));
    const { written } = await this.store.upsert(this.#chunks);
    check(written === this.#chunks.length, `${written} of ${this.#chunks.length} chunks were written`);
    await this.store.upsert(this.#chunks.slice(0, 100)); // once more: nothing may be there twice
    await this.#expectCount(this.#chunks.length);
    return `${written} chunks of ${this.#addresses.length} addresses`;
  }

  async #ask(): Promise<string> {
    for (const { text, answeredBy, vector } of this.#questions) {
      const hits = await this.store.query({ vector, topK: TOP });
      this.#expectExact(`"${text}"`, hits, vector, this.#chunks);
      const place = hits.findIndex(({ document }) => document === answeredBy);
      check(
        place >= 0 && place < NEAR_THE_TOP,
        `"${text}" is not answered by ${answeredBy} among the first ${NEAR_THE_TOP}`,
      );
      const [best] = hits as [VectorHit];
      const source = this.#chunks.find(({ id }) => id === best.id);
      check(
        best.text === source?.text && best.uri === source.uri && best.metadata.year === source.metadata?.year,
        `chunk ${best.id} came back changed`,
      );
    }
    return `${this.#questions.length} questions answered from the right address`;
  }

  async #filter(): Promise<string> {
    const { vector } = this.#questions[0] as Question;
    for (const { filter, holds } of FILTERS) {
      const matching = this.#chunks.filter(({ metadata = {} }) => holds(metadata));
      const name = JSON.stringify(filter);
      this.#expectExact(name, await this.store.query({ vector, topK: TOP, filter }), vector, matching);
      const counted = await this.store.count(filter);
      check(counted === matching.length, `${name} counts ${counted} chunks where ${matching.length} match`);
    }
    return `${FILTERS.length} filters, as brute force has it`;
  }

  async #isolation(): Promise<string> {
    const stranger = this.#context.tenant("stranger").vector;
    const [chunk] = this.#chunks as [Chunk];
    check((await stranger.count()) === 0, "a tenant that wrote nothing counts chunks");
    const none = await stranger.query({ vector: chunk.vector, topK: TOP });
    check(none.length === 0, `a tenant that wrote nothing found ${none[0]?.id}`);
    await stranger.upsert([{ ...chunk, text: "mine", contentHash: undefined }]);
    const own = await stranger.query({ vector: chunk.vector, topK: TOP });
    check(own.length === 1 && own[0]?.text === "mine", "a tenant found other chunks than its own");
    await stranger.deleteByDocument(chunk.document);
    await this.#expectCount(this.#chunks.length);
    return "saw nothing, and deleting the same document id of its own changed nothing here";
  }

  async #evidence(): Promise<string> {
    const { text, vector } = this.#questions[0] as Question;
    const query = { text, vector, topK: 5 };
    const hits = await this.store.query(query);
    const cited = new Set(hits.map(({ document }) => document));
    const sources = Object.fromEntries(
      this.#addresses.filter(({ id }) => cited.has(id)).map(({ id, text }) => [id, text]),
    );
    const { tenant } = this.#context.tenant("reader");
    const manifest = await evidence(hits, { tenant, store: this.#context.urlOf("vector"), query, sources });
    const source = (id: string) => sources[id];
    const verify = (kept: Evidence | Uint8Array, read = source) =>
      verifyEvidence(kept, { chunks: (ids) => this.#readChunks(ids), source: read });
    const named = (found: { in: string; id: string }[]) =>
      found.map((one) => `${one.in} ${one.id}`.trim()).join(", ") || "nothing";

    const [before] = await verify(manifest);
    check(!before, `evidence just made does not hold: ${before?.message}`);
    const bytes = new TextEncoder().encode(evidenceText(manifest));
    const inManifest = named(await verify(flipped(bytes, bytes.length >> 1)));
    check(inManifest === "manifest", `a byte flipped in the manifest is reported as: ${inManifest}`);
    const document = hits[0]?.document ?? "";
    const inSource = named(
      await verify(manifest, (id) => (id === document ? flippedText(sources[id] ?? "") : source(id))),
    );
    check(inSource === `source ${document}`, `a byte flipped in ${document} is reported as: ${inSource}`);
    const chunk = this.#chunks.find(({ id }) => id === hits[2]?.id) as Chunk;
    await this.store.upsert([{ ...chunk, text: flippedText(chunk.text) }]);
    const inChunk = named(await verify(manifest));
    await this.store.upsert([chunk]);
    check(inChunk === `chunk ${chunk.id}`, `a byte flipped in ${chunk.id} is reported as: ${inChunk}`);
    check((await verify(manifest)).length === 0, "evidence does not hold again after the chunk was put right");
    this.#handOn(manifest, sources);
    return `${hits.length} chunks vouched for; a flipped byte in chunk, source and manifest was named`;
  }

  /** Verified against what was ingested: the next step deletes a document from the store. */
  #handOn(manifest: Evidence, sources: Readonly<Record<string, string>>): void {
    const chunks = this.#chunks.map(({ uri = null, metadata = {}, ...chunk }) => ({ ...chunk, uri, metadata }));
    this.#context.handed.evidence = {
      text: evidenceText(manifest),
      differences: async (kept) =>
        (await verifyEvidence(kept, { chunks: () => chunks, source: (id) => sources[id] })).map(
          ({ message }) => message,
        ),
    };
  }

  async #deleteDocument(): Promise<string> {
    const document = this.#addresses[0]?.id ?? "";
    this.#remaining = this.#chunks.filter((chunk) => chunk.document !== document);
    const gone = this.#chunks.filter((chunk) => chunk.document === document);
    const { deleted } = await this.store.deleteByDocument(document);
    check(deleted === gone.length, `${deleted} of ${gone.length} chunks were deleted`);
    await this.#expectCount(this.#remaining.length);
    const [chunk] = gone as [Chunk];
    this.#expectExact(
      "a query after the deletion",
      await this.store.query({ vector: chunk.vector, topK: TOP }),
      chunk.vector,
      this.#remaining,
    );
    return `${deleted} chunks of ${document}`;
  }

  async #readBack(): Promise<string> {
    await this.#expectCount(this.#remaining.length);
    const read = new Map((await this.#readChunks(this.#remaining.map(({ id }) => id))).map((hit) => [hit.id, hit]));
    for (const { id, text } of this.#remaining)
      check(read.get(id)?.text === text, `chunk ${id} is ${read.has(id) ? "changed" : "gone"}`);
    return `all ${this.#remaining.length} chunks`;
  }

  /** The tenant has fewer chunks than an answer may have hits. */
  async #readChunks(ids: readonly string[]): Promise<VectorHit[]> {
    const hits = await this.store.query({ vector: (this.#chunks[0] as Chunk).vector, topK: 1000 });
    return hits.filter(({ id }) => ids.includes(id));
  }

  async #expectCount(expected: number): Promise<void> {
    const count = await this.store.count();
    check(count === expected, `the tenant counts ${count} chunks and has ${expected}`);
  }

  #expectExact(
    what: string,
    hits: VectorHit[],
    vector: Float32Array | readonly number[],
    among: readonly Chunk[],
  ): void {
    const wrong = mismatch(hits, rank(vector, among), TOP);
    if (wrong) throw new WrongAnswer(`${what}: ${wrong}`);
  }
}

const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));

/** With the lowest bit of a byte in its middle flipped; the corpus is ASCII. */
const flippedText = (text: string) =>
  new TextDecoder().decode(flipped(new TextEncoder().encode(text), text.length >> 1));
