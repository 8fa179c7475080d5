import { join } from "node:path";
import { catalogue } from "../components/catalogue/index.ts";
import { root } from "../stacks/place.ts";
import { compare, type Digests, readLock, writeLock } from "./pin/lock.ts";
import { RegistryError, readDigest } from "./pin/registry.ts";
import { command } from "./terminal/command.ts";
import { count, Failure } from "./terminal/report.ts";

await command({
  name: "pin",
  summary: "Read the digest of each image of the catalogue from its registry, and write them all to images.lock.json.",
  help: "A stack uses exactly the image that was pinned, whatever its tag names later. Written is only what was read, and all of it or nothing.",
  async run(_, report) {
    const images = [...catalogue.values()].flatMap(({ container }) => (container ? [container.image] : []));
    const read = await readAll([...new Set(images)]);
    const path = join(root, "images.lock.json");
    const { added, moved, dropped, kept } = compare(readLock(path), read);
    writeLock(path, read);
    for (const image of added) report.line("ok", "new", `${image}  ${read[image]}`, { image, digest: read[image] });
    for (const { image, from, to } of moved)
      report.line("note", "moved", `${image}\n    was ${from}\n    is  ${to}`, { image, from, to });
    for (const image of dropped) report.line("note", "dropped", `${image} is no longer in the catalogue`, { image });
    report.say(`  ${count(Object.keys(read).length, "image")} in images.lock.json, ${kept.length} of them as before.`);
    report.data({ images: read });
  },
});

/** All at once: a machine without registries waits for one of them, not for each. */
async function readAll(images: string[]): Promise<Digests> {
  const answers = await Promise.allSettled(images.map((image) => readDigest(image)));
  const faults = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason as unknown] : []));
  const strange = faults.find((fault) => !(fault instanceof RegistryError));
  if (strange) throw strange;
  if (faults.length > 0) {
    const said = (faults as RegistryError[]).map(
      ({ image, registry, message }) => `${image}: ${registry} said: ${message}`,
    );
    throw new Failure(
      `${count(faults.length, "image")} of ${images.length} could not be read from its registry, so images.lock.json stays as it is`,
      `${said.join("\n")}\nCheck the network and the names, then type: npm run pin`,
    );
  }
  return Object.fromEntries(
    answers.flatMap((answer, i) => (answer.status === "fulfilled" ? [[images[i], answer.value]] : [])),
  );
}
