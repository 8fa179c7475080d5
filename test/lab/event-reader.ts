import { openStores } from "../../adapters/index.ts";

// Receives as two consumers of one group, and follows, through one set of stores; tells its parent what each saw.

/** `ready` once, when every subscription is there. */
export type Heard = "ready" | Seen;
export type Seen = { by: "group" | "follower"; stream: string; version: number; count: number };

const [url = "", tenant = "", ...streams] = process.argv.slice(2);
const stores = openStores({ EVENT_URL: url });
const { event } = stores.tenant(tenant);
const tell = (seen: Heard) => void process.send?.(seen);
const end = new AbortController();
/** Milliseconds. A server that takes ten seconds to be back is killed again half a second later: ten events that are handed out at once may take many such turns until each is acknowledged. */
const ACK_MS = 900_000;

const following = streams.map(async (stream) => {
  for await (const { version } of event.follow(stream, { signal: end.signal }))
    tell({ by: "follower", stream, version, count: 1 });
});
const subscriptions = await Promise.all(
  [...streams, ...streams].map((stream) =>
    event.subscribe(stream, { group: "readers", ackMs: ACK_MS }, ({ version }, { count }) =>
      tell({ by: "group", stream, version, count }),
    ),
  ),
);
tell("ready");
process.once("message", async () => {
  end.abort();
  await Promise.all([...following, ...subscriptions.map((one) => one.close())]);
  await stores.close();
  process.disconnect();
});
