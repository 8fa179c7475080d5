import { schemeOf } from "../env.ts";
import { refuse } from "../input.ts";
import { AzblobBucket } from "./azblob.ts";
import type { Bucket } from "./bucket.ts";
import { GsBucket } from "./gs.ts";
import { S3Bucket } from "./s3.ts";

const byScheme: Readonly<Record<string, new (url: string) => Bucket>> = {
  "s3:": S3Bucket,
  "azblob:": AzblobBucket,
  "gs:": GsBucket,
};

/** The bucket of a URL. Its client is loaded when it first connects. Throws `StoreError` code `invalid`. */
export function openBucket(url: string): Bucket {
  const Opened = byScheme[schemeOf(url)];
  return Opened ? new Opened(url) : refuse("artifact", "The URL names no bucket.", "Write s3:, azblob: or gs:.");
}
