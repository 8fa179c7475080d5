import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ReadFigures } from "./contract.ts";
import { foldersIn, measure } from "./folder.ts";
import { byTenant } from "./tenants.ts";

const read: ReadFigures = async ({ fleet }, signal) => {
  const root = fileURLToPath(fleet);
  const found: { tenant: string; objects: number; bytes: number }[] = [];
  let whole = true;
  for (const tenant of await foldersIn(root, "file")) {
    if (tenant.startsWith(".")) continue;
    const all = await measure(join(root, tenant, "files"), signal);
    if (all.files > 0) found.push({ tenant, objects: all.files, bytes: all.bytes });
    whole &&= all.whole;
  }
  return byTenant(found, whole ? "" : "at least: there was no time to look at all", root);
};
export default read;
