import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from "node:http";
import https from "node:https";
import { isDisconnected } from "./network.ts";

/** The server did not answer in time. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/** Errors of connections that had been idle: the server may have closed them before anything was sent. */
const idled = new WeakSet<object>();

/** The request went out on a connection that had been idle; sending it anew finds out whether the server is there. */
export const wasIdle = (error: unknown): boolean => typeof error === "object" && error !== null && idled.has(error);

export type Transport = ReturnType<typeof transport>;

/**
 * How a client sends its requests: connections are kept, and each request has a time limit that a sign of the server begins anew.
 *
 * @param refusal reads an answer that the client must not see, as the error that it is
 */
export function transport(
  tls: boolean,
  timeout: number,
  refusal: (response: IncomingMessage) => Promise<Error> | undefined = () => undefined,
) {
  const { request, Agent } = tls ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: 64, scheduling: "lifo" });
  return {
    agent,
    request(options: RequestOptions, answered: (response: IncomingMessage) => void): ClientRequest {
      let response: IncomingMessage | undefined;
      const sent = request({ ...options, timeout }, (incoming) => {
        response = incoming;
        const refused = refusal(incoming);
        if (refused) void refused.then((error) => sent.emit("error", error));
        else answered(incoming);
      });
      sent.on("timeout", () => {
        // A reader that takes its time has bytes waiting; a server that does, has not.
        if (response && response.readableLength > 0) sent.socket?.setTimeout(timeout);
        else (response ?? sent).destroy(new NoAnswer(`no answer within ${timeout} ms`));
      });
      sent.on("error", (error) => {
        if (sent.reusedSocket) idled.add(error);
      });
      return sent;
    },
  };
}

/** A request whose content is in memory, so that it can be sent again. */
export interface Asked {
  method: string;
  url: URL;
  headers: Record<string, string>;
  content?: Buffer | string | undefined;
}

/** Sends a request, a second time where a connection that had been idle turned out to be closed. Resolves when the answer begins. */
export async function send({ agent, request }: Transport, asked: Asked): Promise<IncomingMessage> {
  const once = () =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const { method, url, content } = asked;
      const length = content !== undefined || method === "PUT" || method === "POST";
      const headers = {
        ...asked.headers,
        ...(length && { "content-length": String(Buffer.byteLength(content ?? "")) }),
      };
      const place = { host: bare(url.hostname), port: url.port, path: url.pathname + url.search };
      request({ ...place, method, headers: { host: url.host, ...headers }, agent }, resolve)
        .on("error", reject)
        .end(content);
    });
  try {
    return await once();
  } catch (error) {
    if (!isDisconnected(error) || !wasIdle(error)) throw error;
    return once();
  }
}

const bare = (host: string) => host.replace(/^\[|\]$/g, "");

/** The rest of an answer as text. */
export async function textOf(body: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of body.setEncoding("utf8")) text += chunk;
  return text;
}
