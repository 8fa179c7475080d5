import { asAccount } from "../clients/sql-account.ts";
import { sqlClient } from "../clients/sql-shared.ts";
import { StoreError } from "../errors.ts";
import { checkTenant } from "../input.ts";
import { adopt } from "./adopt.ts";
import type { Backend } from "./backend.ts";
import { BodyError, checked, collect, contentOf, expectHash, streamOf } from "./content.ts";
import type { ArtifactAdapter, ArtifactInfo, ArtifactStore } from "./contract.ts";
import { artifactFleet } from "./fleet.ts";
import { indexHealth } from "./index-health.ts";
import { IndexTable } from "./index-table.ts";
import { type Indexed, indexed } from "./indexed.ts";
import {
  checkExpiry,
  checkFind,
  checkOptions,
  checkPath,
  checkPrefix,
  checkRange,
  checkRun,
  checkType,
} from "./validate.ts";

/**
 * The `artifact` role over what a protocol does. Everything is checked here, before the protocol sees it.
 * @param index URL of the database that keeps an index of it; none: there is no index
 */
export function artifactAdapter(backend: Backend, index?: string): ArtifactAdapter {
  const client = index === undefined ? undefined : sqlClient(index, "artifact_index");
  const as = (account: "app" | "fleet") =>
    client ? indexed(backend, new IndexTable(asAccount(client, account, "agents.artifacts"))) : backend;
  const [forTenants, forFleet] = [as("app"), as("fleet")];
  return {
    tenant: (tenant) => store(forTenants, checkTenant(tenant)),
    fleet: artifactFleet(forFleet),
    async health() {
      const all = [backend.health(), ...(client ? [indexHealth(client)] : [])];
      return (await Promise.all(all)).join(", index in ");
    },
    async close() {
      await Promise.all([backend.close(), client?.close()]);
    },
  };
}

function store(backend: Backend | Indexed, tenant: string): ArtifactStore {
  const index = "find" in backend ? backend : undefined;
  const can = { ...backend.can, index: index !== undefined };
  const why = { ...backend.why, ...(!index && { index: "No database keeps one: ARTIFACT_INDEX_URL is not set." }) };
  const unsupported = (what: "presign" | "index", mend: string): never => {
    throw new StoreError("unsupported", "artifact", why[what] ?? `There is no ${what}.`, mend);
  };
  const whole = async (path: string) => {
    const read = await backend.get(tenant, checkPath(path));
    return read && collect(checked(read));
  };

  return {
    can,
    why,
    putHeaders: backend.putHeaders ?? {},
    async put(path, body, options) {
      const checkedOptions = checkOptions(checkPath(path), options);
      const content = await contentOf(body);
      if ("bytes" in content) expectHash(path, content.sha256, checkedOptions.sha256);
      try {
        return infoOf(await backend.put(tenant, path, content, checkedOptions));
      } catch (error) {
        throw error instanceof BodyError ? error.cause : error;
      }
    },
    async get(path, { range } = {}) {
      checkPath(path);
      const read = await backend.get(tenant, path, range === undefined ? undefined : checkRange(range));
      return read && { ...infoOf(read.kept), body: streamOf(range === undefined ? checked(read) : read) };
    },
    bytes: whole,
    async text(path) {
      const bytes = await whole(path);
      return bytes && new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    },
    async stat(path) {
      const kept = await backend.stat(tenant, checkPath(path));
      return kept && infoOf(kept);
    },
    list: ({ prefix = "" } = {}) => list(backend, tenant, prefix),
    async delete(path) {
      return (await backend.remove(tenant, [checkPath(path)])) > 0;
    },
    async deleteByRun(run) {
      return { deleted: await backend.remove(tenant, await backend.ofRun(tenant, checkRun(run))) };
    },
    async presign(path, method, { expiresMs, contentType } = {}) {
      checkPath(path);
      if (method !== "get" && method !== "put")
        throw new StoreError("invalid", "artifact", `A URL cannot "${String(method)}".`, 'Use "get" or "put".');
      const seconds = checkExpiry(expiresMs);
      if (contentType !== undefined) checkType(contentType);
      if (!backend.presign) return unsupported("presign", "Read and write with get() and put().");
      return backend.presign(tenant, path, method, seconds, contentType);
    },
    async adopt(path, options) {
      const kept = await adopt(backend, tenant, checkPath(path), options);
      return kept && infoOf(kept);
    },
    async find(query) {
      const asked = checkFind(query);
      if (!index) return unsupported("index", "Set ARTIFACT_INDEX_URL, or walk through list().");
      return (await index.find(tenant, asked)).map(infoOf);
    },
  };
}

async function* list(backend: Backend, tenant: string, prefix: string) {
  for await (const { path, size, modifiedAt } of backend.list(tenant, checkPrefix(prefix)))
    yield { path, size, modifiedAt };
}

/** Without what only the adapter needs, and a copy that the caller may keep. */
function infoOf({ path, size, sha256, contentType, run, metadata, modifiedAt }: ArtifactInfo): ArtifactInfo {
  return { path, size, sha256, contentType, run, metadata: structuredClone(metadata), modifiedAt };
}
