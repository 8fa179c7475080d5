import { copyFileSync, existsSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { catalogue } from "../../components/catalogue/index.ts";
import { here } from "../../stacks/place.ts";
import { cacheRoot, makeFolder, withLock } from "./cache.ts";
import { LabError, must, run } from "./exec.ts";
import { npmVersion } from "./toolchain.ts";

// The lab on a machine where images, plugins and releases can be fetched: nothing is built, everything is what users run.

const PULL_MS = 900_000;

/** The catalogue's images by product, at the pinned digest where one is pinned; without an engine. */
function officialImages(): Record<string, string> {
  const { digests } = here();
  return Object.fromEntries(
    [...catalogue].flatMap(([product, { container }]) => {
      if (!container) return [];
      const digest = digests[container.image];
      return [[product, digest ? `${container.image}@${digest}` : container.image]];
    }),
  );
}

/**
 * Pulls what is missing of the catalogue's images, and answers product → `registry/repo:tag@digest`, with the digest that
 * the engine read.
 *
 * @throws LabError that names every image that cannot be had, and what its registry said.
 */
export async function ensureOfficialImages(): Promise<Record<string, string>> {
  const wanted = Object.entries(officialImages());
  const had = await Promise.all(wanted.map(([, image]) => obtain(image)));
  const refused = wanted.flatMap(([, image], i) => {
    const { said } = had[i] ?? {};
    return said === undefined ? [] : [{ image, said }];
  });
  const [first] = refused;
  if (first) {
    throw new LabError(
      `${refused.length} of ${wanted.length} official images cannot be pulled, so nothing was started:\n${refused
        .map(({ image, said }) => `${image}: ${said}`)
        .join("\n")}`,
      `Where their registries answer, see why: docker pull ${first.image}\nElsewhere the lab builds servers from packages: npm run lab`,
    );
  }
  return Object.fromEntries(
    wanted.map(([product, image], i) => [product, `${image.replace(/@.*$/, "")}@${had[i]?.digest}`]),
  );
}

async function obtain(image: string): Promise<{ digest?: string; said?: string }> {
  const here = await pulledDigest(image);
  if (here) return { digest: here };
  const pulled = await run("docker", ["pull", "--quiet", image], { timeout: PULL_MS });
  const digest = pulled.code === 0 ? await pulledDigest(image) : undefined;
  if (digest) return { digest };
  const said = pulled.stderr.trim().split("\n").at(-1);
  return { said: said || `docker pull ended with ${pulled.code}` };
}

/** Only an image that came from a registry has one: what was built here under the same name has none. */
async function pulledDigest(image: string): Promise<string | undefined> {
  const { code, stdout } = await run("docker", ["image", "inspect", "--format", "{{json .RepoDigests}}", image]);
  const digests: string[] = code === 0 ? (JSON.parse(stdout) ?? []) : [];
  return digests[0]?.split("@")[1];
}

/**
 * Folder with the programs that this machine has installed, under the names and in the place where the lab's own would
 * be. They are copies, because another user may not reach the originals.
 *
 * @throws LabError with how to install what is missing.
 */
export async function ensureInstalledTools(): Promise<string> {
  const cli = installedPulumi();
  const version = npmVersion("@pulumi/docker");
  await must(cli, ["plugin", "install", "resource", "docker", `v${version}`]);
  const plugin = join(process.env.PULUMI_HOME ?? join(homedir(), ".pulumi"), "plugins", `resource-docker-v${version}`);
  const programs = [
    ...siblings(dirname(cli), /^pulumi(-language-nodejs)?$/),
    ...siblings(plugin, /^pulumi-resource-docker$/),
    { name: "docker-compose", path: await installedCompose() },
  ];
  const bin = join(cacheRoot(), "official", "bin");
  await withLock("official", async () => {
    rmSync(bin, { recursive: true, force: true });
    makeFolder(bin);
    for (const { name, path } of programs) copyFileSync(path, join(bin, name));
  });
  return bin;
}

const siblings = (folder: string, names: RegExp) =>
  readdirSync(folder)
    .filter((name) => names.test(name))
    .map((name) => ({ name, path: join(folder, name) }));

/** Not the npm package's, which is a script that fetches the CLI. */
function installedPulumi(): string {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  const found = folders.map((folder) => join(folder, "pulumi")).find(existsSync);
  if (found) return realpathSync(found);
  throw new LabError("The Pulumi CLI is not installed.", "Install it: https://www.pulumi.com/docs/install/");
}

async function installedCompose(): Promise<string> {
  const format = '{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}{{.Path}}{{end}}{{end}}';
  const path = (await run("docker", ["info", "--format", format])).stdout.trim();
  if (path) return realpathSync(path);
  throw new LabError(
    "Docker has no compose here.",
    "Install its plugin: https://docs.docker.com/compose/install/linux/",
  );
}
