import { pgliteClient } from "../../adapters/clients/pglite.ts";
import type { Shell } from "./contract.ts";
import { sqlPrompt } from "./sql.ts";

/** The engine runs in this process while the shell is open; a program that has the folder open keeps it out, and is named. */
const shell: Shell = ({ service, url, words }) =>
  sqlPrompt(service.product, words, () => {
    const client = pgliteClient(url);
    return {
      run: async (text, tenant) => (await client.run({ tenant, statements: [{ text }] })).flat(),
      close: () => client.close(),
    };
  });
export default shell;
