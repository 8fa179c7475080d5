import { openStores } from "../../adapters/index.ts";

// Some of many clients: each with a connection of its own, all at the same bucket and the same lock. Tells what each saw.

export interface Seen {
  allowed: number;
  refused: number;
  tokens: number[];
}

const [url = "", tenant = "", clients = "", limit = "", asks = "", rounds = ""] = process.argv.slice(2);
const seen: Seen = { allowed: 0, refused: 0, tokens: [] };

async function client(): Promise<void> {
  await using stores = openStores({ SESSION_URL: url });
  const { session } = stores.tenant(tenant);
  for (let n = 0; n < Number(asks); n++) {
    const { allowed } = await session.rateLimit("asks", { limit: Number(limit), windowMs: 86_400_000 });
    seen[allowed ? "allowed" : "refused"]++;
  }
  for (let n = 0; n < Number(rounds); n++) {
    await using lock = await session.lock("sum", { waitMs: 120_000 });
    if (!lock) throw new Error("the lock was not given in two minutes");
    seen.tokens.push(lock.token);
    // A read and a write apart: without the lock, additions would be lost.
    const sum = Number((await session.get("sum")) ?? 0);
    await session.set("sum", sum + 1, { fence: lock });
  }
}

await Promise.all(Array.from({ length: Number(clients) }, client));
process.send?.(seen);
process.disconnect();
