import { parseQdrantUrl } from "../../adapters/clients/qdrant-url.ts";
import type { Shell } from "./contract.ts";
import { sendWords } from "./requests.ts";

const EXAMPLES = `  npm run shell qdrant -- GET /collections
  npm run shell qdrant -- POST /collections/agent_vectors/points/count '{"exact":true}'`;

/** One request to the server's REST interface, with its key; the answer as JSON. Exit code 1 for one that the server refuses. */
const shell: Shell = async ({ url, words }) => {
  const { server, key, timeout } = parseQdrantUrl(url);
  return sendWords({ server, headers: key ? { "api-key": key } : {}, timeout }, words, EXAMPLES);
};
export default shell;
