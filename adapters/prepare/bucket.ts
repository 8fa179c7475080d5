import { randomUUID } from "node:crypto";
import type { Bucket } from "../clients/bucket.ts";
import { StoreError } from "../errors.ts";

/** Writes, reads, lists and deletes an object of no tenant. */
export async function proveWork(app: Bucket, name: string): Promise<void> {
  const key = `.agent-stores/${randomUUID()}`;
  await app.put(key, "probe", "text/plain");
  const read = await app.text(key);
  const listed = [];
  for await (const object of app.list(key)) listed.push(object.key);
  await app.remove(key);
  if (read === "probe" && listed[0] === key && (await app.head(key)) === undefined) return;
  throw new StoreError(
    "failed",
    name,
    "An object that was just written is not there as it was.",
    "Look at the server: npm run logs",
  );
}
