import { type RedisClient, redisClient, script } from "../clients/redis.ts";
import { StoreError } from "../errors.ts";
import type { PrepareProduct, ProductUrls } from "./contract.ts";

/** Accounts come with the server, from its file of accounts: what is left is to prove that each may do its work. */
const prepareProduct: PrepareProduct = {
  async prepare(urls, { frozen }) {
    const ping = (client: RedisClient) => client.run((redis) => redis.ping());
    const acts: [string, (client: RedisClient) => Promise<unknown>][] = [
      [urls.admin, ping],
      [urls.fleet, frozen.length > 0 ? ping : asFleet],
      [urls.app, frozen.length > 0 ? ping : asApp],
    ];
    const roles = new Set<string>();
    for (const [url, act] of acts) {
      const client = redisClient(url);
      try {
        await act(client);
      } finally {
        await client.close();
      }
      roles.add(decodeURIComponent(new URL(url).username) || "default");
    }
    return { roles: [...roles], migrations: 0, applied: [] };
  },
  pending: async () => [],
  migrate: async (_urls: ProductUrls) => [],
};
export default prepareProduct;

/** No tenant's id begins so. */
const PROBE = "t:-prepare-:";

const asFleet = (client: RedisClient) =>
  client.run(async (redis) => {
    await redis.scan("0", "MATCH", `${PROBE}*`);
    await redis.unlink(`${PROBE}value:probe`);
    await redis.info("server");
  });

const copy = script("redis.call('SET', KEYS[1], ARGV[1], 'PX', 1000) return redis.call('GET', KEYS[1])");

async function asApp(client: RedisClient): Promise<void> {
  const key = `${PROBE}value:probe`;
  const kept = await client.script(copy, [key], ["probe"]);
  await client.run(async (redis) => {
    await redis.del(key);
    await redis.publish(`${PROBE}channel:probe`, "null");
  });
  if (kept === "probe") return;
  const what = "What the application's account writes cannot be read back.";
  throw new StoreError("failed", "redis", what, "See whether the URLs of .env.admin name a writable server.");
}
