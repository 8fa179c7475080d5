import { createHash } from "node:crypto";
import type { ArtifactStore } from "../../../adapters/index.ts";
import { readCorpus } from "../corpus.ts";
import { type Context, check, type Kept, type RoleSteps, type Step, WrongAnswer } from "../step.ts";

/** What proves the `artifact` role: what a run leaves behind, from its evidence to the files that it made. */
export function artifactSteps(context: Context): RoleSteps {
  const { steps, afterRestart, store } = new Files(context);
  return { steps, ping: () => store().stat(EVIDENCE), afterRestart };
}

const EVIDENCE = "evidence/retrieval.json";
/** Runs of this smoke run's tenant: one is kept, the other's files are deleted. */
const KEPT = "retrieval-1";
const WORK = "work.1";
const LISTED = 12;
const MiB = 1 << 20;
const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

class Files {
  readonly #context: Context;
  readonly #bytes: Uint8Array;
  #evidence: Kept | undefined;

  constructor(context: Context) {
    this.#context = context;
    this.#bytes = noise(context.quick ? MiB : 24 * MiB, context.run);
  }

  /** Of the run's own tenant; another object after a reopening. */
  readonly store = (): ArtifactStore => this.#context.tenant("author").artifact;

  readonly steps: Step[] = [
    { name: "keep evidence", role: "artifact", run: () => this.#keep() },
    { name: "stream and range", role: "artifact", run: () => this.#stream() },
    { name: "list", role: "artifact", run: () => this.#list() },
    { name: "presigned URL", role: "artifact", run: () => this.#presign() },
    { name: "find by run", role: "artifact", run: () => this.#find() },
    { name: "another tenant", role: "artifact", run: () => this.#isolation() },
    { name: "delete a run", role: "artifact", run: () => this.#deleteRun() },
  ];

  readonly afterRestart: Step[] = [{ name: "verify the evidence", role: "artifact", run: () => this.#verify() }];

  async #keep(): Promise<string> {
    this.#evidence = this.#context.handed.evidence ?? prose();
    const { text } = this.#evidence;
    const metadata = { kind: "evidence", of: this.#context.run };
    const options = { run: KEPT, contentType: "application/json", metadata };
    const kept = await this.store().put(EVIDENCE, text, { ...options, sha256: sha256(text) });
    check(kept.sha256 === sha256(text), `the evidence was stored with the hash ${kept.sha256}`);
    const refused = await this.store()
      .put(EVIDENCE, `${text} `, { sha256: sha256(text) })
      .then(
        () => "accepted",
        ({ code }) => String(code),
      );
    check(refused === "invalid", `a content with another hash than it must have was ${refused}`);
    return this.#verify();
  }

  async #verify(): Promise<string> {
    const { text, differences } = this.#evidence as Kept;
    const bytes = await this.store().bytes(EVIDENCE);
    check(bytes !== undefined, "the evidence is gone");
    check(Buffer.compare(bytes, Buffer.from(text)) === 0, "the evidence came back changed");
    const [difference] = await differences(bytes);
    if (difference !== undefined) throw new WrongAnswer(`the evidence does not hold: ${difference}`);
    const about = await this.store().stat(EVIDENCE);
    check(about?.run === KEPT && about.metadata.of === this.#context.run, "what is known of the evidence changed");
    return `${bytes.length} bytes, as they were written, and they hold`;
  }

  async #stream(): Promise<string> {
    const expected = sha256(this.#bytes);
    const made = await this.store().put("work/stream.bin", pieces(this.#bytes), { run: WORK });
    check(
      made.sha256 === expected && made.size === this.#bytes.length,
      "a stream was stored with another hash or size",
    );
    const hash = createHash("sha256");
    const whole = await this.store().get("work/stream.bin");
    for await (const chunk of whole?.body ?? []) hash.update(chunk);
    check(hash.digest("hex") === expected, "a stream came back changed");
    const [start, end] = [this.#bytes.length - 70_000, this.#bytes.length - 5];
    const part = await this.store().get("work/stream.bin", { range: { start, end } });
    const read = [];
    for await (const chunk of part?.body ?? []) read.push(chunk);
    check(Buffer.concat(read).equals(this.#bytes.subarray(start, end + 1)), "a range came back changed");
    return `${made.size / MiB} MiB up and down, and ${end - start + 1} bytes of it`;
  }

  async #list(): Promise<string> {
    const given = Array.from({ length: LISTED }, (_, i) => `work/parts/${"abc"[i % 3]}/${i} é.txt`);
    await Promise.all(given.map((path) => this.store().put(path, path, { run: WORK })));
    const listed: string[] = [];
    for await (const { path } of this.store().list({ prefix: "work/parts/" })) listed.push(path);
    check(
      listed.join() === given.toSorted().join(),
      `${listed.length} of ${given.length} were listed, or out of order`,
    );
    check((await this.store().text(listed[0] ?? "")) === listed[0], "a listed artifact has another content");
    return `${listed.length} by prefix, in order`;
  }

  async #presign(): Promise<string> {
    const { can, why } = this.store();
    if (!can.presign) return `not here: ${why.presign}`;
    const { text } = this.#evidence as Kept;
    const got = await fetch(await this.store().presign(EVIDENCE, "get", { expiresMs: 60_000 }));
    check(got.status === 200 && (await got.text()) === text, `a plain GET was answered ${got.status}`);
    const sent = await this.store().presign("work/sent.txt", "put", { expiresMs: 60_000 });
    const put = await fetch(sent, { method: "PUT", body: text, headers: this.store().putHeaders });
    check(put.ok, `a plain PUT was answered ${put.status}: ${(await put.text()).slice(0, 200)}`);
    const adopted = await this.store().adopt("work/sent.txt", { run: WORK });
    check(adopted?.sha256 === sha256(text), "what came by a URL has another hash");
    return "read and written by plain HTTP";
  }

  async #find(): Promise<string> {
    const { can, why } = this.store();
    if (!can.index) return `not here: ${why.index}`;
    const found = await this.store().find({ run: KEPT, metadata: { of: this.#context.run } });
    check(
      found.length === 1 && found[0]?.path === EVIDENCE,
      `the run's evidence is found as ${found.length} artifacts`,
    );
    const work = await this.store().find({ run: WORK });
    const expected = LISTED + (can.presign ? 2 : 1);
    check(work.length === expected, `${work.length} of the run's ${expected} artifacts were found`);
    return `${found.length + work.length} of two runs`;
  }

  async #isolation(): Promise<string> {
    const stranger = this.#context.tenant("stranger").artifact;
    check((await stranger.stat(EVIDENCE)) === undefined, "a tenant sees another's evidence");
    for await (const { path } of stranger.list()) throw new WrongAnswer(`a tenant that wrote nothing lists ${path}`);
    if (stranger.can.index) check((await stranger.find({})).length === 0, "a tenant finds another's artifacts");
    await stranger.put(EVIDENCE, "mine", { run: KEPT });
    check((await stranger.deleteByRun(KEPT)).deleted === 1, "deleting a run deleted another tenant's artifacts");
    check((await this.store().stat(EVIDENCE)) !== undefined, "another tenant deleted the evidence");
    return "saw nothing, and deleting a run of the same id changed nothing here";
  }

  async #deleteRun(): Promise<string> {
    const { deleted } = await this.store().deleteByRun(WORK);
    const expected = LISTED + (this.store().can.presign ? 2 : 1);
    check(deleted === expected, `${deleted} of the run's ${expected} artifacts were deleted`);
    for await (const { path } of this.store().list())
      check(path === EVIDENCE, `${path} is still there after its run was deleted`);
    return `${deleted} artifacts, and the evidence stays`;
  }
}

/** Where no vector store is bound there is no retrieval, and a text stands in for its evidence. */
function prose(): Kept {
  const { text } = readCorpus()[0] as { text: string };
  const differences = async (kept: Uint8Array) => (sha256(kept) === sha256(text) ? [] : ["another SHA-256"]);
  return { text, differences };
}

/** Different in every run, and of a kind that nothing compresses. */
function noise(size: number, seed: string): Uint8Array {
  const words = new Uint32Array(size / 4);
  let state = Number.parseInt(sha256(seed).slice(0, 8), 16) || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer);
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
