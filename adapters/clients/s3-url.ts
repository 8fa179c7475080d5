import { StoreError } from "../errors.ts";
import { readUrl } from "./store-url.ts";

/** Where a bucket is, and as whom it is opened. */
export interface S3Place {
  host: string;
  port: number;
  tls: boolean;
  region: string;
  bucket: string;
  /** Empty: credentials come from AWS' default chain. */
  accessKey: string;
  secretKey: string;
  /** Of an account for a while (`?sessionToken=`), as AWS' security token service gives one; empty: it is none. */
  sessionToken: string;
  /**
   * How the server is asked to encrypt what is written: `?sse=AES256` with a key of its own, `?sse=aws:kms` with one of AWS' key service, and with which one `?kmsKey=` says. @default as the bucket
   * does by itself
   */
  encryption: { algorithm: "AES256" | "aws:kms"; key: string } | null;
  /** Whether the bucket is part of the host's name (`?style=virtual`) or of the path. */
  style: "path" | "virtual";
  /** Whether `a` and `a/b` can both be objects. */
  nested: boolean;
  /** In which order the server lists: by keys, or folder by folder (`?listing=folders`). */
  listing: "keys" | "folders";
  /** Whose admin API makes accounts; null: they are not made by us. */
  accounts: "minio" | "rustfs" | null;
  /** Milliseconds without a sign of the server after which a request is given up. @default 30000, or `?timeout=` */
  timeout: number;
}

const QUERY = ["tls", "region", "style", "nested", "listing", "accounts", "sessionToken", "sse", "kmsKey", "timeout"];
const LIKE = "Write s3://<access key>:<secret key>@host:9000/<bucket>?tls=false, with other signs percent-encoded.";

/** What `s3://<access key>:<secret key>@host:port/<bucket>?tls=false` says. Throws `StoreError` code `invalid`, which never repeats the URL; unknown parameters are refused, since a misspelt one would go unnoticed. */
export function parseS3Url(url: string): S3Place {
  const { at, query, decoded } = readUrl("s3", url, /^s3:$/, LIKE, QUERY);
  const tls = yesOrNo(query, "tls");
  const bucket = decoded(at.pathname.slice(1));
  const timeout = Number(query.get("timeout") ?? 30_000);
  const accounts = query.get("accounts");
  const style = query.get("style") ?? "path";
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    refuse(`"${bucket}" is not a bucket's name.`, "Write it as the path: s3://…@host:9000/agent-artifacts");
  if (!at.username !== !at.password)
    refuse(
      "The URL names half an account.",
      "Write s3://<access key>:<secret key>@host:port/…, or neither: AWS' default chain finds credentials then.",
    );
  if (!Number.isInteger(timeout) || timeout < 100)
    refuse("?timeout= is no number of milliseconds.", "Write e.g. ?timeout=30000");
  if (accounts !== null && accounts !== "minio" && accounts !== "rustfs")
    refuse(`?accounts=${accounts} is not known.`, "Use accounts=minio or rustfs.");
  const sessionToken = query.get("sessionToken") ?? "";
  if (sessionToken && !at.username)
    refuse("The URL has a session token and no account.", "Write s3://<access key>:<secret key>@host/…?sessionToken=…");
  if (style !== "path" && style !== "virtual") refuse(`?style=${style} is not known.`, "Use style=path or virtual.");
  return {
    host: decoded(at.hostname).replace(/^\[|\]$/g, ""),
    port: Number(at.port || (tls ? 443 : 80)),
    tls,
    region: query.get("region") ?? "us-east-1",
    bucket,
    accessKey: decoded(at.username),
    secretKey: decoded(at.password),
    sessionToken,
    encryption: encryptionOf(query),
    style,
    nested: yesOrNo(query, "nested"),
    listing: query.get("listing") === "folders" ? "folders" : "keys",
    accounts,
    timeout,
  };
}

function encryptionOf(query: URLSearchParams): S3Place["encryption"] {
  const [algorithm, key] = [query.get("sse"), query.get("kmsKey") ?? ""];
  if (key && algorithm !== "aws:kms")
    refuse("?kmsKey= is for sse=aws:kms alone.", "Write ?sse=aws:kms&kmsKey=<id of the key>.");
  if (algorithm === null) return null;
  if (algorithm !== "AES256" && algorithm !== "aws:kms")
    return refuse("?sse= is not known.", "Use sse=AES256 or sse=aws:kms.");
  return { algorithm, key };
}

/** True unless it says otherwise. */
function yesOrNo(query: URLSearchParams, name: string): boolean {
  const value = query.get(name) ?? "true";
  if (value === "true" || value === "false") return value === "true";
  return refuse(`?${name}=${value} is neither.`, "Write true or false.");
}

function refuse(what: string, mend: string): never {
  throw new StoreError("invalid", "s3", what, mend);
}
