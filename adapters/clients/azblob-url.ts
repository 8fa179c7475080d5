import { refuse } from "../input.ts";
import { readUrl, timeoutIn, tlsIn } from "./store-url.ts";

/** Where a container of blobs is, and as whom it is opened. */
export interface AzblobPlace {
  host: string;
  port: number;
  tls: boolean;
  /** Whether the account is the first name of the host, or the beginning of the path (`?style=path`), as emulators have it. */
  style: "virtual" | "path";
  account: string;
  /** The container's name: what other servers call a bucket. */
  bucket: string;
  /** The account's key; empty: another credential. */
  key: string;
  /** A shared access signature (`?sasToken=`), without its question mark; empty: another credential. */
  sasToken: string;
  /** Milliseconds without a sign of the server after which a request is given up. @default 30000, or `?timeout=` */
  timeout: number;
}

const LIKE = "Write azblob://<account>:<key>@<account>.blob.core.windows.net/<container>, the key percent-encoded.";

/** What `azblob://<account>:<key>@<account>.blob.core.windows.net/<container>` says. Throws `StoreError` code `invalid`, which never repeats the URL. */
export function parseAzblobUrl(url: string): AzblobPlace {
  const { at, query, decoded } = readUrl("azblob", url, /^azblob:$/, LIKE, ["tls", "style", "sasToken", "timeout"]);
  const tls = tlsIn("azblob", query);
  const style = query.get("style") ?? "virtual";
  const bucket = decoded(at.pathname.slice(1));
  const host = decoded(at.hostname);
  const account = decoded(at.username) || (host.split(".")[0] ?? "");
  const key = decoded(at.password);
  const sasToken = (query.get("sasToken") ?? "").replace(/^\?/, "");
  if (style !== "virtual" && style !== "path") return refuse("azblob", "?style= is not known.", "Use virtual or path.");
  if (!/^[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]$/.test(bucket))
    refuse("azblob", `"${bucket}" is not a container's name.`, "Write it as the path: azblob://…/agent-artifacts");
  if (style === "path" && !at.username)
    refuse("azblob", "The URL names no account.", "Write azblob://<account>@host:port/<container>?style=path");
  if (!/^[a-z0-9]{3,24}$/.test(account))
    refuse("azblob", "The URL names no storage account: 3 to 24 small letters and digits.", LIKE);
  if (key && sasToken) refuse("azblob", "The URL has a key and a signature.", "Leave out one of them.");
  return {
    host: host.replace(/^\[|\]$/g, ""),
    port: Number(at.port || (tls ? 443 : 80)),
    tls,
    style,
    account,
    bucket,
    key,
    sasToken,
    timeout: timeoutIn("azblob", query),
  };
}
