import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from "node:http";
import https from "node:https";
import { S3Refusal, S3Timeout } from "./s3-errors.ts";

/** Statuses that the client repeats by itself with what is left of the body, and then reports without the server's words. */
const REPEATED = new Set([408, 429, 499, 500, 502, 503, 504, 520]);

/** Errors of connections that had been idle: the server may have closed them before anything was sent. */
const idled = new WeakSet<object>();

/** The request went out on a connection that had been idle; sending it anew finds out whether the server is there. */
export const wasIdle = (error: unknown): boolean => typeof error === "object" && error !== null && idled.has(error);

/** How the client sends its requests: connections are kept, each request has a time limit, and refusals keep the server's words. */
export function transport(tls: boolean, timeout: number) {
  const { request, Agent } = tls ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: 64, scheduling: "lifo" });
  return {
    agent,
    request(options: RequestOptions, answered: (response: IncomingMessage) => void): ClientRequest {
      let response: IncomingMessage | undefined;
      const sent = request({ ...options, timeout }, (incoming) => {
        response = incoming;
        if (REPEATED.has(incoming.statusCode ?? 0)) void refusal(incoming).then((error) => sent.emit("error", error));
        else answered(incoming);
      });
      sent.on("timeout", () => {
        // A reader that takes its time has bytes waiting; a server that does, has not.
        if (response && response.readableLength > 0) sent.socket?.setTimeout(timeout);
        else (response ?? sent).destroy(new S3Timeout(`no answer within ${timeout} ms`));
      });
      sent.on("error", (error) => {
        if (sent.reusedSocket) idled.add(error);
      });
      return sent;
    },
  };
}

async function refusal(response: IncomingMessage): Promise<Error> {
  let body = "";
  try {
    for await (const chunk of response.setEncoding("utf8")) body += chunk;
  } catch (error) {
    return error as Error;
  }
  return new S3Refusal(response.statusCode ?? 0, body);
}
