import { AzblobBucket } from "../clients/azblob.ts";
import { inBucket } from "./bucket.ts";
import type { OpenArtifact } from "./contract.ts";
import { artifactAdapter } from "./store.ts";

/** The `artifact` role in a container of Azure Blob Storage. */
const open: OpenArtifact = (url, index) => artifactAdapter(inBucket(new AzblobBucket(url), "azblob"), index);
export default open;
