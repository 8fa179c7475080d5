import { Failure } from "../terminal/report.ts";

const METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE"];

/** A server that is talked to by requests. */
export interface RestServer {
  /** `http://host:port`, and what comes before every path. */
  server: string;
  headers: Record<string, string>;
  /** Milliseconds. */
  timeout: number;
}

/** Sends one request, given as method, path and maybe a body, and shows the answer. Resolves to exit code 1 for one that the server refuses. */
export async function sendWords(at: RestServer, words: readonly string[], examples: string): Promise<number> {
  const [method = "", path = "", body, ...more] = words;
  if (!METHODS.includes(method) || !path.startsWith("/") || more.length > 0)
    throw new Failure("that is no request", `Type a method, a path and, where it takes one, a body:\n${examples}`);
  const answer = await fetch(at.server + path, {
    method,
    headers: { ...at.headers, ...(body && { "content-type": "application/json" }) },
    ...(body && { body }),
    signal: AbortSignal.timeout(at.timeout),
  }).catch((cause) => {
    throw new Failure(`no answer from ${at.server}`, "Type: npm run status", cause);
  });
  console.log(readable(await answer.text()));
  return answer.ok ? 0 : 1;
}

function readable(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
