import { parseChromaUrl } from "../../adapters/clients/chroma-url.ts";
import type { Shell } from "./contract.ts";
import { sendWords } from "./requests.ts";

const EXAMPLES = `  npm run shell chroma -- GET /heartbeat
  npm run shell chroma -- GET /tenants/agent_vectors/databases
  npm run shell chroma -- GET /tenants/agent_vectors/databases/acme.db/collections`;

/** One request to the server's REST interface, behind /api/v2; the answer as JSON. Exit code 1 for one that the server refuses. */
const shell: Shell = async ({ url, words }) => {
  const { server, token, timeout } = parseChromaUrl(url);
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  return sendWords({ server: `${server}/api/v2`, headers, timeout }, words, EXAMPLES);
};
export default shell;
