import { refuse } from "../input.ts";
import { readUrl, timeoutIn } from "./store-url.ts";

/** Where a bucket of Google Cloud Storage is, and as whom it is opened. */
export interface GsPlace {
  bucket: string;
  /** A service account's e-mail and its private key in PEM; empty: Google's default credentials. */
  email: string;
  key: string;
  /** Where the server is. One without TLS is an emulator, which is told no credentials. @default https://storage.googleapis.com, or `?endpoint=` */
  endpoint: URL;
  /** The project that a bucket is made in, and that buckets are listed of (`?project=`). @default that of the credentials */
  project: string;
  /** Milliseconds without a sign of the server after which a request is given up. @default 30000, or `?timeout=` */
  timeout: number;
}

const LIKE =
  "Write gs://<bucket>, or gs://<e-mail of the service account>:<private key>@<bucket>, both percent-encoded.";

/** What `gs://<e-mail>:<private key>@<bucket>` says. Throws `StoreError` code `invalid`, which never repeats the URL. */
export function parseGsUrl(url: string): GsPlace {
  const { at, query, decoded } = readUrl("gs", url, /^gs:$/, LIKE, ["endpoint", "project", "timeout"]);
  const bucket = decoded(at.hostname);
  const [email, key] = [decoded(at.username), decoded(at.password)];
  const endpoint = URL.parse(query.get("endpoint") ?? "https://storage.googleapis.com");
  if (!endpoint || !/^https?:$/.test(endpoint.protocol) || endpoint.pathname !== "/" || endpoint.username)
    return refuse("gs", "?endpoint= is no address of a server.", "Write e.g. ?endpoint=http://127.0.0.1:4443");
  if (!/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket) || at.port || !/^\/?$/.test(at.pathname))
    refuse("gs", "The URL's host is not a bucket's name alone.", LIKE);
  if (!email !== !key) refuse("gs", "The URL names half an account.", LIKE);
  if (key && !/^-----BEGIN [A-Z ]*PRIVATE KEY-----\n/.test(key))
    refuse("gs", "The private key is not in PEM.", "It is private_key of the account's JSON file, percent-encoded.");
  const project = query.get("project") ?? "";
  return { bucket, email, key, endpoint, project, timeout: timeoutIn("gs", query) };
}
