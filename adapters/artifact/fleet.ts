import { checkInteger, checkTenant } from "../input.ts";
import { adopt } from "./adopt.ts";
import type { Backend } from "./backend.ts";
import type { ArtifactFleet } from "./contract.ts";
import type { Indexed } from "./indexed.ts";
import { artifactPortable } from "./portable.ts";
import { parallel } from "./turns.ts";

const QUARTER_HOUR_MS = 900_000;
/** Artifacts that a repair looks at together. */
const BATCH = 256;
const AT_ONCE = 8;

/** Acts across tenants, over what a protocol does. */
export function artifactFleet(backend: Backend | Indexed): ArtifactFleet {
  const index = "find" in backend ? backend : undefined;
  return {
    ...artifactPortable(backend),
    async deleteTenant(tenant) {
      return backend.removeTenant(checkTenant(tenant));
    },
    async tenants() {
      const all = [];
      for (const tenant of await backend.tenants()) {
        let artifacts = 0;
        let bytes = 0;
        for await (const { size } of backend.list(tenant, "")) {
          artifacts++;
          bytes += size;
        }
        if (artifacts > 0) all.push({ tenant, artifacts, bytes });
      }
      return all;
    },
    async repair({ olderThanMs = QUARTER_HOUR_MS } = {}) {
      const age = checkInteger("artifact", olderThanMs, "olderThanMs", 0, Number.MAX_SAFE_INTEGER);
      const before = new Date(Date.now() - age);
      const done = { adopted: 0, removed: 0, indexed: 0 };
      for (const tenant of await backend.tenants()) {
        done.removed += await backend.sweep(tenant, before);
        done.adopted += await adoptAll(backend, tenant, before);
        done.indexed += (await index?.reconcile(tenant, before)) ?? 0;
      }
      return done;
    },
  };
}

async function adoptAll(backend: Backend, tenant: string, before: Date): Promise<number> {
  const one = async (path: string) => {
    const kept = await backend.stat(tenant, path);
    return kept?.sha256 === null && (await adopt(backend, tenant, path)) ? 1 : 0;
  };
  let adopted = 0;
  let batch: string[] = [];
  const settle = async () => {
    for (const n of await parallel(batch, AT_ONCE, one)) adopted += n;
    batch = [];
  };
  for await (const { path, modifiedAt } of backend.list(tenant, "")) {
    if (modifiedAt < before) batch.push(path);
    if (batch.length >= BATCH) await settle();
  }
  await settle();
  return adopted;
}
