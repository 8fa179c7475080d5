import type { RequestOptions } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import WebSocket from "ws";
import { row } from "../../components/catalogue/index.ts";
import type { Plan } from "../../components/plan.ts";
import { Failure } from "../terminal/report.ts";
import type { Cluster } from "./cluster.ts";

/** More than this on its way to the cluster, and a client is read no further until it is less. Bytes. */
const MUCH = 4 * 1024 * 1024;

/**
 * Listens on the plan's ports of this machine and takes every connection to the server's pod through the API server, as `kubectl port-forward` does. Each connection finds
 * its pod anew, so nothing is to be mended when a pod or the cluster comes back.
 */
export async function forward(cluster: Cluster, plan: Plan): Promise<{ close(): void }> {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const close = () => {
    for (const server of servers) server.close();
    for (const socket of sockets) socket.destroy();
  };
  for (const { product, ports } of plan.services)
    for (const [name, { container }] of Object.entries(row(product).container?.ports ?? {})) {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
        sockets.add(socket.once("close", () => sockets.delete(socket)));
        carry(cluster, `${product}-0`, container, socket);
      });
      servers.push(server);
      await listen(server, ports[name] ?? 0, product).catch((error) => {
        close();
        throw error;
      });
    }
  return { close };
}

async function listen(server: Server, port: number, product: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port, exclusive: true }, resolve);
  }).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(
      `port ${port} of ${product} cannot be listened on: ${error.code ?? error.message}`,
      `Stop who holds it, or move ours: npm run up -- --port ${product}=<port>`,
    );
  });
}

/** The pod's side of a connection: two channels, of data and of errors, each of whose first message repeats the port. */
const [DATA, ERROR] = [0, 1];

function carry({ config, namespace }: Cluster, pod: string, port: number, socket: Socket): void {
  socket.on("error", () => {}); // a client that went away
  void (async () => {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const server = config.getCurrentCluster()?.server.replace(/^http/, "ws");
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/portforward?ports=${port}`;
    const tunnel = new WebSocket(`${server}${path}`, ["v4.channel.k8s.io"], options as WebSocket.ClientOptions);
    const greeted = new Set<number>();
    tunnel.on("message", (message: Buffer) => {
      const channel = message[0] ?? ERROR;
      if (!greeted.has(channel)) return void greeted.add(channel);
      // Nobody listens there, or the pod is gone.
      if (channel !== DATA) return void socket.destroy();
      if (!socket.write(message.subarray(1))) tunnel.pause();
    });
    socket.on("drain", () => tunnel.resume());
    socket.on("data", (chunk) => {
      tunnel.send(Buffer.concat([Buffer.of(DATA), chunk]), () => tunnel.bufferedAmount < MUCH && socket.resume());
      if (tunnel.bufferedAmount >= MUCH) socket.pause();
    });
    // The protocol has no end of one side: what is still on its way is waited for, and the other side ends with it.
    socket.once("end", () => tunnel.close());
    socket.once("close", () => tunnel.terminate());
    tunnel.once("open", () => socket.resume());
    tunnel.once("close", () => socket.end());
    tunnel.on("error", () => socket.destroy());
  })().catch(() => socket.destroy());
}
