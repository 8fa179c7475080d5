/** What a registry serves for a tag: an index of platforms where there is one, else the image itself. */
const TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");
const PATIENCE = 20_000;
/** Docker Hub's images carry another host's name than its API. */
const HOSTS: Record<string, string> = { "docker.io": "registry-1.docker.io" };

/** The parts of `registry/repo:tag`. */
export interface Reference {
  registry: string;
  repository: string;
  tag: string;
}

/** A registry that gave no digest, and what it said. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly image: string;
  readonly registry: string;
  constructor(image: string, registry: string, said: string, cause?: unknown) {
    super(said, cause === undefined ? undefined : { cause });
    this.image = image;
    this.registry = registry;
  }
}

export function parseReference(image: string): Reference {
  const [, registry, repository, tag] = /^([^/]+)\/([^@]+):([^:/@]+)$/.exec(image) ?? [];
  if (!registry || !repository || !tag) throw new Error(`${image} is no registry/repo:tag`);
  return { registry, repository, tag };
}

/**
 * The digest of an image as its registry has it now, read without an account.
 *
 * @param base address of a registry's API. @default https at the registry's host
 * @throws RegistryError when it does not answer with one.
 */
export async function readDigest(
  image: string,
  base = (registry: string) => `https://${HOSTS[registry] ?? registry}`,
): Promise<string> {
  const { registry, repository, tag } = parseReference(image);
  const url = `${base(registry)}/v2/${repository}/manifests/${tag}`;
  try {
    let answer = await ask(url);
    const challenge = answer.headers.get("www-authenticate");
    if (answer.status === 401 && challenge) answer = await ask(url, await tokenFor(challenge, repository));
    if (!answer.ok) throw new RegistryError(image, registry, `status ${answer.status} ${answer.statusText}`.trim());
    const digest = answer.headers.get("docker-content-digest") ?? "";
    if (/^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
    throw new RegistryError(image, registry, `no digest in its answer`);
  } catch (error) {
    throw error instanceof RegistryError ? error : new RegistryError(image, registry, reason(error), error);
  }
}

const ask = (url: string, token?: string) =>
  fetch(url, {
    method: "HEAD",
    headers: { accept: TYPES, ...(token && { authorization: `Bearer ${token}` }) },
    signal: AbortSignal.timeout(PATIENCE),
  });

/** A registry that wants a token says in its challenge where to fetch one: that of an anonymous reader costs nothing. */
async function tokenFor(challenge: string, repository: string): Promise<string> {
  const said = Object.fromEntries([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
  if (!/^bearer /i.test(challenge) || !said.realm) throw new Error(`it wants a login: ${challenge}`);
  const url = new URL(said.realm);
  if (said.service) url.searchParams.set("service", said.service);
  url.searchParams.set("scope", said.scope ?? `repository:${repository}:pull`);
  const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE) });
  if (!answer.ok) throw new Error(`no token from ${url.host}: status ${answer.status}`);
  const { token, access_token: accessToken } = (await answer.json()) as { token?: string; access_token?: string };
  const found = token ?? accessToken;
  if (!found) throw new Error(`no token from ${url.host}`);
  return found;
}

/** What is behind `fetch failed`, or the time that it took. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer in ${PATIENCE / 1000} s`;
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}
