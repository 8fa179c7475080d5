import type { Json } from "../input.ts";
import type { SessionBackend } from "./backend.ts";
import type { Subscription } from "./contract.ts";

/** Hands messages to `receive` one after the other, each when it is done with the one before. */
export async function deliver(
  backend: Pick<SessionBackend, "listen">,
  channel: string,
  receive: (message: Json) => void | Promise<void>,
  fail: (error: unknown) => void,
): Promise<Subscription> {
  const waiting: string[] = [];
  let busy = false;
  let ended = false;
  let stop = async () => {};

  const close = async () => {
    ended = true;
    waiting.length = 0;
    await stop();
  };
  const broken = (error: unknown) => {
    if (ended) return;
    close().catch(() => {}); // the first error says more
    fail(error);
  };
  async function drain(): Promise<void> {
    busy = true;
    try {
      for (let json = waiting.shift(); json !== undefined && !ended; json = waiting.shift())
        await receive(JSON.parse(json));
    } catch (error) {
      broken(error);
    } finally {
      busy = false;
    }
  }
  const listening = await backend.listen(
    channel,
    (json) => {
      if (ended) return;
      waiting.push(json);
      if (!busy) void drain();
    },
    broken,
  );
  let stopped: Promise<void> | undefined;
  stop = () => (stopped ??= listening());
  if (ended) await stop();
  return { close, [Symbol.asyncDispose]: close };
}
