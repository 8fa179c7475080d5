import { GsBucket } from "../clients/gs.ts";
import { inBucket } from "./bucket.ts";
import type { OpenArtifact } from "./contract.ts";
import { artifactAdapter } from "./store.ts";

/** The `artifact` role in a bucket of Google Cloud Storage. */
const open: OpenArtifact = (url, index) => artifactAdapter(inBucket(new GsBucket(url), "gs"), index);
export default open;
