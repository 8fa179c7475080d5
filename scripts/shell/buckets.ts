import { fileURLToPath } from "node:url";
import { openBucket } from "../../adapters/clients/buckets.ts";

/** The buckets that a URL's account may see, or the one folder that a store in a folder has. */
export async function bucketsOf(url: string): Promise<string[]> {
  if (url.startsWith("file:")) return [fileURLToPath(url)];
  const bucket = openBucket(url);
  try {
    return await bucket.buckets();
  } finally {
    bucket.close();
  }
}
