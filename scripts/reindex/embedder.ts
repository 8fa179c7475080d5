import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Embedder, hashEmbedder } from "../../adapters/embedder.ts";
import { messageOf } from "../../adapters/errors.ts";
import { isPlain } from "../../adapters/input.ts";
import { checkSpace } from "../../adapters/vector/validate.ts";
import { Failure } from "../terminal/report.ts";

const SHAPE = "A module exports: export default { space: { provider, model, dimensions, normalised }, embed(texts) }";

/** The embedder of `--to`: `hash:<dimensions>`, or the default export of a module, by its path from where the user is. */
export async function loadEmbedder(named: string): Promise<Embedder> {
  const [, dimensions] = /^hash:(\d{1,5})$/.exec(named) ?? [];
  if (dimensions !== undefined) return hashEmbedder({ dimensions: Number(dimensions) });
  const path = resolve(process.env.INIT_CWD ?? process.cwd(), named);
  const { default: given } = await import(pathToFileURL(path).href).catch((error) => {
    throw new Failure(
      `${named} cannot be loaded: ${messageOf(error)}`,
      `${SHAPE}\nTo try it out: --to hash:512`,
      error,
    );
  });
  const embedder = given as Partial<Embedder> | undefined;
  if (typeof embedder?.embed !== "function" || !isPlain(embedder.space))
    throw new Failure(`the default export of ${named} is no embedder`, SHAPE);
  checkSpace(embedder.space);
  return embedder as Embedder;
}
