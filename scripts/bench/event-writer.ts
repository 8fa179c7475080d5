import { type Json, openStores } from "../../adapters/index.ts";
import { ByHand, data, type Who } from "./event-by-hand.ts";
import { connected } from "./place.ts";

// Appends when it is told to: in the process of those who follow, ours would not need the server to tell them.

const [app = "", tenant = "", other = ""] = process.argv.slice(2);
const { event } = openStores({ EVENT_URL: app }).tenant(tenant);
const byHand = new ByHand([await connected(app, true)], other);
process.on("message", ({ who, n }: { who: Who; n: number }) => {
  if (who === "ours") void event.append("latency", [{ type: "bench", data: data(n) as Json }]);
  else void byHand.append("latency", data(n), 0);
});
