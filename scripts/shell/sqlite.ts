import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseSqliteUrl } from "../../adapters/clients/sqlite.ts";
import { Failure } from "../terminal/report.ts";
import type { Shell } from "./contract.ts";
import { sqlPrompt } from "./sql.ts";

/** The database of the folder. Others may have it open too, and are waited for. */
const shell: Shell = ({ service, url, words }) => {
  const folder = parseSqliteUrl(url);
  const file = existsSync(folder) ? readdirSync(folder).find((name) => name.endsWith(".db")) : undefined;
  if (!file) throw new Failure(`there is no database in ${folder}`, "Type: npm run up");
  return sqlPrompt(service.product, words, () => {
    const db = new DatabaseSync(join(folder, file), { timeout: 5_000 });
    return {
      async run(text) {
        try {
          return db.prepare(text).all();
        } catch (error) {
          throw new Failure(
            error instanceof Error ? error.message : String(error),
            `The statement was: ${text}`,
            error,
          );
        }
      },
      close: async () => db.close(),
    };
  });
};
export default shell;
