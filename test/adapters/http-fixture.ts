import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A port that nothing listens at. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What a server says to every request; status 0: it says nothing. */
export interface Answer {
  status: number;
  body: string;
  type?: string;
}

/** A server that says what it is told to, to everything or by path. */
export async function answering() {
  const asked: { path: string; headers: IncomingHttpHeaders }[] = [];
  let answerTo: (path: string) => Answer = () => ({ status: 200, body: "{}" });
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push({ path, headers: request.headers });
    const answer = answerTo(path);
    if (answer.status === 0) return;
    response.writeHead(answer.status, { "content-type": answer.type ?? "application/json" }).end(answer.body);
  });
  return {
    port: await listening(server),
    /** Requests since it was last told something. */
    asked,
    says(given: Answer | ((path: string) => Answer)) {
      asked.length = 0;
      answerTo = typeof given === "function" ? given : () => given;
    },
    close: () => server.close(),
  };
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
