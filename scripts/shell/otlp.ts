import { parseOtlpUrl } from "../../adapters/trace/otlp-url.ts";
import { Failure } from "../terminal/report.ts";
import type { Shell } from "./contract.ts";
import { sendWords } from "./requests.ts";

const EXAMPLES = `  npm run shell jaeger -- GET /api/v3/services
  npm run shell tempo -- GET '/api/search?q={span.agent_stores.tenant="acme"}'`;

/** One request to what answers questions about spans; the answer as JSON. Exit code 1 for one that the server refuses. */
const shell: Shell = async ({ service, url, words }) => {
  const { query, headers, timeout } = parseOtlpUrl(url);
  if (!query)
    throw new Failure(`${service.product} takes spans and answers no questions`, "Ask what keeps them: npm run status");
  return sendWords({ server: query.server, headers, timeout }, words, EXAMPLES);
};
export default shell;
