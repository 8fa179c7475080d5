import { S3Bucket } from "../clients/s3.ts";
import { inBucket } from "./bucket.ts";
import type { OpenArtifact } from "./contract.ts";
import { artifactAdapter } from "./store.ts";

/** The `artifact` role in a bucket that speaks S3. */
const open: OpenArtifact = (url, index) => artifactAdapter(inBucket(new S3Bucket(url), "s3"), index);
export default open;
