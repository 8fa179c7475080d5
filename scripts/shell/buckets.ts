import { fileURLToPath } from "node:url";
import { S3Bucket } from "../../adapters/clients/s3.ts";

/** The buckets that a URL's account may see, or the one folder that a store in a folder has. */
export async function bucketsOf(url: string): Promise<string[]> {
  if (url.startsWith("file:")) return [fileURLToPath(url)];
  const s3 = new S3Bucket(url);
  try {
    return (await s3.ask((client) => client.listBuckets())).map(({ name }) => name).sort();
  } finally {
    s3.close();
  }
}
