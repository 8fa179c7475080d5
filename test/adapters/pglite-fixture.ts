import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Env } from "../../adapters/index.ts";

/** A folder for an embedded database and the variables that name it; `remove` deletes the folder. */
export function pgliteFolder(): { folder: string; url: (role?: string) => string; admin: Env; remove(): void } {
  const folder = join(mkdtempSync(join(tmpdir(), "agent-stores-")), "db");
  const url = (role = "agent_core") => `pglite://${folder}?role=${role}`;
  return {
    folder,
    url,
    admin: {
      PGLITE_ADMIN_URL: url("postgres"),
      PGLITE_OWNER_URL: url("agent_owner"),
      PGLITE_FLEET_URL: url("agent_fleet"),
      PGLITE_APP_URL: url("agent_core"),
      VECTOR_URL: url("agent_fleet"),
    },
    remove: () => rmSync(join(folder, ".."), { recursive: true, force: true }),
  };
}
