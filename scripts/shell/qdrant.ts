import { parseQdrantUrl } from "../../adapters/clients/qdrant-url.ts";
import { Failure } from "../terminal/report.ts";
import type { Shell } from "./contract.ts";

const METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE"];
const EXAMPLES = `Type a method, a path and, where it takes one, a body:
  npm run shell qdrant -- GET /collections
  npm run shell qdrant -- POST /collections/agent_vectors/points/count '{"exact":true}'`;

/** One request to the server's REST interface, with its key; the answer as JSON. Exit code 1 for one that the server refuses. */
const shell: Shell = async ({ url, words }) => {
  const [method = "", path = "", body, ...more] = words;
  if (!METHODS.includes(method) || !path.startsWith("/") || more.length > 0)
    throw new Failure("that is no request", EXAMPLES);
  const { server, key, timeout } = parseQdrantUrl(url);
  const answer = await fetch(server + path, {
    method,
    headers: { ...(key && { "api-key": key }), ...(body && { "content-type": "application/json" }) },
    ...(body && { body }),
    signal: AbortSignal.timeout(timeout),
  }).catch((cause) => {
    throw new Failure(`no answer from ${server}`, "Type: npm run status", cause);
  });
  const text = await answer.text();
  console.log(readable(text));
  return answer.ok ? 0 : 1;
};
export default shell;

function readable(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
