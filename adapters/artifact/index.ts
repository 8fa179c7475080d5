import { byScheme } from "../role.ts";
import azblob from "./azblob.ts";
import type { OpenArtifact } from "./contract.ts";
import file from "./file.ts";
import gs from "./gs.ts";
import inprocess from "./inprocess.ts";
import s3 from "./s3.ts";

/** By the URL's scheme. These files are small; the client that each needs is loaded when it first connects. */
const files: Record<string, OpenArtifact> = {
  "s3:": s3,
  "azblob:": azblob,
  "gs:": gs,
  "file:": file,
  "inprocess:": inprocess,
};

/** The adapter of a URL's protocol; it connects on first use. Throws `StoreError` code `invalid` for a protocol that does not serve this role. */
export const openArtifact: OpenArtifact = (url, index) => byScheme("artifact", files, url)(url, index);
