import { clusterProgram } from "./cluster/index.ts";
import { ensureEngine } from "./engine.ts";
import { LabError } from "./exec.ts";
import { ensureImages, groundOf, imagePrograms, pruneImages } from "./images.ts";
import { ensureInstalledTools, ensureOfficialImages } from "./official.ts";
import { prunePrograms } from "./programs.ts";
import type { Check } from "./proof.ts";
import { ensureToolchain, linkCompose, pruneToolchain, toolchainPrograms } from "./toolchain.ts";

/** What a run needs to prove stores on real servers, on a machine where only package registries answer. */
export interface Lab {
  /** Folder to put first on PATH: pulumi, its language host and provider, docker-compose. */
  bin: string;
  /** Product → tag of the image that stands for it, present in the engine. */
  images: Record<string, string>;
  /** Product → what a check on its image says of that image. */
  grounds: Record<string, Pick<Check, "on" | "image">>;
  engineVersion: string;
  /** Wall clock of each stage, in the order of its end. */
  seconds: Record<string, number>;
}

/** Set by `npm run lab -- --official`: the catalogue's own images, in place of the lab's. */
export const OFFICIAL = "AGENT_STORES_LAB_OFFICIAL";

/**
 * Engine, images and toolchain: takes what is there, makes what is missing, and prints each stage with its seconds to
 * stderr. Safe to call twice and in two processes at once.
 *
 * @param official pulls the catalogue's images and uses the Pulumi that is installed, and builds nothing.
 * @throws LabError with what to type next.
 */
export async function prepareLab(official = OFFICIAL in process.env): Promise<Lab> {
  const seconds: Record<string, number> = {};
  const report = (stage: string, took: number, detail = "") => {
    seconds[stage] = Math.round(took * 100) / 100;
    process.stderr.write(`  ${stage.padEnd(24)}${took.toFixed(1).padStart(7)} s   ${detail}\n`);
  };
  const timed = async <T>(stage: string, work: Promise<T>, detail: (made: T) => string): Promise<T> => {
    const started = performance.now();
    const made = await work;
    report(stage, (performance.now() - started) / 1000, detail(made));
    return made;
  };
  const engine = await timed("engine", ensureEngine(), ({ version }) => version);
  const images = await timed("images", official ? ensureOfficialImages() : ensureImages(report), (tags) =>
    Object.values(tags).join(" "),
  );
  const grounds = await groundsOf(images, official);
  const tools = official ? ensureInstalledTools() : ensureToolchain(report);
  const bin = await timed("toolchain", tools, (folder) => folder);
  await linkCompose(bin);
  return { bin, images, grounds, engineVersion: engine.version, seconds };
}

async function groundsOf(images: Lab["images"], official: boolean): Promise<Lab["grounds"]> {
  const ground = async (image: string): Promise<Pick<Check, "on" | "image">> =>
    official ? { on: "official image", image } : { on: await groundOf(image) };
  const entries = Object.entries(images).map(async ([product, image]) => [product, await ground(image)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** What a check on this product's image says of that image. */
export function groundFor({ grounds }: Pick<Lab, "grounds">, product: string): Pick<Check, "on" | "image"> {
  const ground = grounds[product];
  if (!ground)
    throw new LabError(`The lab has no image of ${product}.`, `Known are: ${Object.keys(grounds).join(", ")}`);
  return ground;
}

/** `node test/lab/lab.ts` prints the lab as JSON; `--prune` first removes what other contents than these left behind. */
async function main(): Promise<void> {
  const lab = await prepareLab();
  if (process.argv.includes("--prune")) {
    const programs = prunePrograms([...toolchainPrograms(), clusterProgram(), ...imagePrograms()]);
    for (const name of [...(await pruneImages()), ...pruneToolchain(), ...programs])
      process.stderr.write(`  removed ${name}\n`);
  }
  process.stdout.write(`${JSON.stringify(lab, null, 2)}\n`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
