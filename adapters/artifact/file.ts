import { randomUUID } from "node:crypto";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StoreError } from "../errors.ts";
import type { Backend, Kept, Listed } from "./backend.ts";
import type { OpenArtifact } from "./contract.ts";
import { draftOf, fileProblem, openContent } from "./file-content.ts";
import { Beside } from "./file-details.ts";
import { encodePath } from "./file-names.ts";
import { ifThere, makeFolder, removeFile, walk } from "./file-tree.ts";
import { artifactAdapter } from "./store.ts";
import { Turns } from "./turns.ts";

/** Of all adapters of this process: two may have the same folder. */
const turns = new Turns();
const TENANT = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** A tenant that is being removed; no tenant's id begins so. */
const REMOVED = ".removed-";

const can = { durable: true, shared: true, presign: false, nested: false };
const why = {
  presign: "There is no server that a URL could name.",
  nested: "A folder cannot be a file: where `a` is, `a/b` cannot be.",
};

/** Folder of `file:///absolute/folder`. Throws `StoreError` code `invalid`. */
export function parseFileUrl(url: string): string {
  try {
    const at = new URL(url);
    const folder = fileURLToPath(`file://${at.pathname}`);
    if (at.protocol !== "file:" || at.host || folder.length < 2) throw new Error("no folder");
    return folder.replace(/(?<=.)[/\\]+$/, "");
  } catch (cause) {
    const mend = "Write file:///absolute/folder";
    throw new StoreError("invalid", "file", `"${url}" is not the URL of a folder.`, mend, cause);
  }
}

/**
 * The `artifact` role in a folder: `<tenant>/files/<path>` the content, `meta/<path>%json` its details, `runs/<run>/<hash of the path>` marks of runs, `uploads/` what is
 * being written; see file-names.ts for how paths are spelt. A write is acknowledged when the disk has it.
 */
const open: OpenArtifact = (url, index) => artifactAdapter(inFolder(parseFileUrl(url)), index);
export default open;

function inFolder(root: string): Backend {
  const filesOf = (tenant: string) => join(root, tenant, "files");
  const besideOf = (tenant: string) => new Beside(join(root, tenant));
  const safely = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw fileProblem(error, root);
    }
  };
  const inTurn = <T>(tenant: string, path: string, work: () => Promise<T>) =>
    turns.take(join(root, tenant, path), () => safely(work));
  const listedOf = async (tenant: string, path: string): Promise<Listed | undefined> => {
    const content = await openContent(filesOf(tenant), path);
    await content?.close();
    return content?.listed;
  };
  /** With the details beside it, if they are those of this content. */
  const keptOf = async (tenant: string, listed: Listed): Promise<Kept> => {
    const details = await besideOf(tenant).read(listed.path);
    if (details?.version === listed.version) return { ...details, ...listed };
    return { ...listed, sha256: null, contentType: "application/octet-stream", run: null, metadata: {} };
  };
  const statOf = async (tenant: string, path: string) => {
    const listed = await listedOf(tenant, path);
    return listed && keptOf(tenant, listed);
  };
  const removeOne = async (tenant: string, path: string) => {
    const run = (await besideOf(tenant).read(path))?.run ?? null;
    const removed = await removeFile(filesOf(tenant), encodePath(path));
    await besideOf(tenant).remove(path, run);
    return removed;
  };
  const removeRemains = async () => {
    for (const name of (await ifThere(readdir(root))) ?? [])
      if (name.startsWith(REMOVED)) await rm(join(root, name), { recursive: true, force: true });
  };

  return {
    can,
    why,
    async put(tenant, path, content, { contentType, run, metadata, sha256, modifiedAt }) {
      const draft = await safely(() => draftOf(join(root, tenant, "uploads"), path, content, sha256, modifiedAt));
      const place = async () => {
        await draft.moveInto(filesOf(tenant));
        const kept = { ...draft.listed, sha256: draft.sha256, contentType, run, metadata };
        await besideOf(tenant).write(kept);
        return kept;
      };
      return inTurn(tenant, path, place).finally(() => draft.discard());
    },
    get: (tenant, path, range) =>
      safely(async () => {
        const content = await openContent(filesOf(tenant), path, range);
        if (!content) return undefined;
        try {
          return { ...content, kept: await keptOf(tenant, content.listed) };
        } catch (error) {
          await content.close();
          throw error;
        }
      }),
    stat: (tenant, path) => safely(() => statOf(tenant, path)),
    async *list(tenant, prefix) {
      try {
        for await (const [path] of walk(filesOf(tenant), prefix)) {
          const listed = await listedOf(tenant, path);
          if (listed) yield listed;
        }
      } catch (error) {
        throw fileProblem(error, root);
      }
    },
    async remove(tenant, paths) {
      let removed = 0;
      for (const path of paths) if (await inTurn(tenant, path, () => removeOne(tenant, path))) removed++;
      return removed;
    },
    ofRun: (tenant, run) =>
      safely(async () => {
        const paths: string[] = [];
        for (const path of await besideOf(tenant).marked(run))
          if ((await statOf(tenant, path))?.run === run) paths.push(path);
        return paths;
      }),
    describe: (tenant, path, details) =>
      inTurn(tenant, path, async () => {
        if ((await listedOf(tenant, path))?.version !== details.version) return false;
        await besideOf(tenant).write({ ...details, path });
        return true;
      }),
    details: (tenant, path) => safely(() => besideOf(tenant).read(path)),
    tenants: () =>
      safely(async () => {
        const entries = (await ifThere(readdir(root, { withFileTypes: true }))) ?? [];
        return entries.flatMap((one) => (one.isDirectory() && TENANT.test(one.name) ? [one.name] : [])).sort();
      }),
    removeTenant: (tenant) =>
      safely(async () => {
        let artifacts = 0;
        for await (const _ of walk(filesOf(tenant))) artifacts++;
        // Gone at once for everyone; what a crash leaves of it goes with the next removal or repair.
        await ifThere(rename(join(root, tenant), join(root, `${REMOVED}${randomUUID()}`)));
        await removeRemains();
        return { artifacts };
      }),
    sweep: (tenant, before) =>
      safely(async () => {
        await removeRemains();
        return besideOf(tenant).sweep(before, async (path) => {
          const kept = await statOf(tenant, path);
          return kept?.run;
        });
      }),
    health: () =>
      safely(async () => {
        if ((await ifThere(stat(root)))?.isDirectory()) return `folder ${root}`;
        throw new StoreError("unprepared", "file", `There is no folder ${root}.`, "Prepare it: npm run up");
      }),
    async close() {},
  };
}

/** Makes the folder of a URL. */
export const makeStoreFolder = (url: string): Promise<void> => makeFolder(parseFileUrl(url));
