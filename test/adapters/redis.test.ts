import { createServer, type Server, type Socket } from "node:net";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { redisClient } from "../../adapters/clients/redis.ts";
import { parseRedisUrl } from "../../adapters/clients/redis-url.ts";
import { StoreError } from "../../adapters/errors.ts";
import { openStores } from "../../adapters/index.ts";

const password = "Hunter2Canary";
const at = (port: number, query = "") => `redis://app:${password}@127.0.0.1:${port}/0${query}`;

async function get(url: string): Promise<unknown> {
  await using stores = openStores({ SESSION_URL: url });
  return await stores.tenant("acme").session.get("k");
}

/** What went wrong, after a look that no part of it, however it is printed, shows the password. */
async function failure(call: Promise<unknown>): Promise<StoreError> {
  const error = await call.then(
    () => expect.unreachable("it should have failed"),
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(StoreError);
  expect(`${error.stack} ${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify(error)}`).not.toContain(
    password,
  );
  return error as StoreError;
}

/** A server that says what it is told to, whatever it is asked. */
async function answering(answer: (socket: Socket) => void, on = 0): Promise<{ port: number; close(): void }> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(on, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
const always = (line: string) =>
  answering((socket) => socket.on("data", (data) => socket.write(`${line}\r\n`.repeat(commandsIn(data)))));
const commandsIn = (data: Buffer) => data.toString().match(/^\*\d+\r$/gm)?.length ?? 0;

describe("the Redis client", () => {
  it("says that nothing listens, at once and without the password", async () => {
    const server = await answering(() => {});
    server.close();
    const started = performance.now();
    const error = await failure(get(at(server.port)));
    expect(error).toMatchObject({ code: "unavailable", mend: expect.stringContaining("npm run up") });
    expect(error.message).toContain(`127.0.0.1:${server.port}`);
    expect(performance.now() - started).toBeLessThan(4_000);
  });

  it("gives up on a server that accepts and says nothing", async () => {
    const server = await answering(() => {});
    const started = performance.now();
    expect(await failure(get(at(server.port, "?command_timeout=300")))).toMatchObject({ code: "timeout" });
    expect(performance.now() - started).toBeLessThan(5_000);
    server.close();
  });

  it("gives up on one that falls silent, and not before its time; one that is slow it waits for", async () => {
    let pause = 0;
    const server = await answering((socket) =>
      socket.on("data", (data) => {
        const answer = data.toString().includes("value:k") ? "$-1\r\n" : "+PONG\r\n";
        if (pause < Infinity) setTimeout(() => socket.write(answer.repeat(commandsIn(data))), pause);
      }),
    );
    await using stores = openStores({ SESSION_URL: at(server.port, "?command_timeout=400") });
    const { session } = stores.tenant("acme");
    expect(await session.get("k")).toBeUndefined();
    pause = 250; // two of them are longer than the limit, and each of them is not
    for (let times = 0; times < 3; times++) expect(await session.get("k")).toBeUndefined();
    pause = Infinity;
    const started = performance.now();
    expect(await failure(session.set("k", 1))).toMatchObject({ code: "timeout" });
    expect(performance.now() - started).toBeGreaterThanOrEqual(390);
    expect(performance.now() - started).toBeLessThan(2_000);
    server.close();
  });

  it.each([
    ["-WRONGPASS invalid username-password pair or user is disabled.", "denied"],
    ["-NOAUTH Authentication required.", "denied"],
    ["-NOPERM this user has no permissions to run the 'ping' command", "denied"],
    ["-OOM command not allowed when used memory > 'maxmemory'.", "full"],
    ["-ERR Error running script (call to f_1): @user_script: 1: -OOM command not allowed", "full"],
    ["-MISCONF Errors writing to the AOF file: No space left on device", "full"],
    ["-READONLY You can't write against a read only replica.", "unavailable"],
    ["-ERR something else.", "failed"],
  ])("reads %s as %s", async (line, code) => {
    const server = await always(line);
    const error = await failure(get(at(server.port)));
    expect(error).toMatchObject({ code });
    expect(error.message).not.toMatch(/\.\.|\.\)/);
    server.close();
  });

  it("waits for a server that reads its data, as long as the URL says", async () => {
    const server = await always("-LOADING Redis is loading the dataset in memory");
    const started = performance.now();
    expect(await failure(get(at(server.port, "?connect_timeout=1")))).toMatchObject({ code: "unavailable" });
    expect(performance.now() - started).toBeGreaterThan(800);
    server.close();
  });

  it("never sends a write again whose answer was lost", async () => {
    let writes = 0;
    const server = await answering((socket) =>
      socket.on("data", (data) => {
        if (!data.toString().includes("value:k")) return void socket.write("+PONG\r\n".repeat(commandsIn(data)));
        writes++;
        socket.destroy();
      }),
    );
    await using stores = openStores({ SESSION_URL: at(server.port, "?connect_timeout=1") });
    const { session } = stores.tenant("acme");
    const error = await failure(session.set("k", 1));
    expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("unknown") });
    expect(writes).toBe(1);
    expect((await failure(session.get("k"))).message).toContain("ask for fewer"); // who is sent too much is cut off
    expect(writes).toBeGreaterThanOrEqual(2); // a read may be sent again
    server.close();
  });

  it("waits for a server that is gone once, not in every call, and finds it again", async () => {
    const empty = (socket: Socket) =>
      socket.on("data", (data) =>
        socket.write((data.toString().includes("value:k") ? "$-1\r\n" : "+PONG\r\n").repeat(commandsIn(data))),
      );
    const first = await answering(empty);
    await using stores = openStores({ SESSION_URL: at(first.port, "?connect_timeout=2") });
    const { session } = stores.tenant("acme");
    expect(await session.get("k")).toBeUndefined();
    first.close();
    const started = performance.now();
    await failure(session.get("k"));
    expect(performance.now() - started).toBeGreaterThan(1_500);
    for (let times = 0; times < 5; times++)
      expect(await failure(session.get("k"))).toMatchObject({ code: "unavailable" });
    expect(performance.now() - started).toBeLessThan(6_000); // each for itself would have taken twelve seconds
    const second = await answering(empty, first.port);
    await expect.poll(() => session.get("k").catch(() => "gone"), { timeout: 10_000 }).toBeUndefined();
    second.close();
  });

  it("waits for a server that says nothing once, not in every call", async () => {
    const server = await answering(() => {});
    await using stores = openStores({ SESSION_URL: at(server.port, "?command_timeout=500") });
    const { session } = stores.tenant("acme");
    const started = performance.now();
    for (let times = 0; times < 12; times++) expect(await failure(session.get("k"))).toMatchObject({ code: "timeout" });
    expect(performance.now() - started).toBeLessThan(4_000);
    server.close();
  });

  it("closes once, after what is under way, however often it is told to", async () => {
    let answer: (() => void) | undefined;
    const server = await answering((socket) =>
      socket.on("data", (data) => {
        if (!data.toString().includes("late")) return void socket.write("+PONG\r\n".repeat(commandsIn(data)));
        answer = () => void socket.write("+OK\r\n");
      }),
    );
    const client = redisClient(at(server.port));
    const written = client.run((redis) => redis.set("late", "1"));
    await expect.poll(() => answer).toBeDefined();
    let closed = 0;
    const closing = [1, 2, 3].map(() => client.close().then(() => closed++));
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(0);
    answer?.();
    expect(await written).toBe("OK");
    await Promise.all(closing);
    expect(closed).toBe(3);
    server.close();
  });

  it("says that what answers is no Redis", async () => {
    const server = await answering((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const error = await failure(get(at(server.port)));
    expect(error).toMatchObject({ code: "failed", message: expect.stringContaining("is no Redis") });
    server.close();
  });

  it("refuses URLs that it cannot read, without repeating them", async () => {
    const unreadable = [
      ...["redis://", `redis://app:${password}@`, `redis://app:%ZZ${password}@h:1/0`, `redis://%ZZ:${password}@h:1/0`],
      ...[`${at(1)}x`, at(1, "?command_timeout=soon"), at(1, "?durable=yes"), at(1, "?comand_timeout=1")],
      ...[
        at(1, `?password=${password}`),
        at(1, "?sslrootcert=/nope"),
        at(1, "?sslrootcert=/nope").replace("s:", "ss:"),
      ],
    ];
    for (const url of unreadable) {
      const error = await failure(Promise.resolve().then(() => parseRedisUrl(url)));
      expect(error.code, url).toBe("invalid");
    }
    expect(() => parseRedisUrl(at(1, "?comand_timeout=1"))).toThrow("Known are connect_timeout, command_timeout,");
    const { options, durable } = parseRedisUrl("rediss://a%40b:p%3A@[::1]:7000/3?durable=true&connect_timeout=2");
    expect(options).toMatchObject({ username: "a@b", password: "p:", host: "::1", port: 7000, db: 3, tls: {} });
    expect(durable).toBe(true);
  });
});
