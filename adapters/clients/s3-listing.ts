import type { BucketObject } from "./bucket.ts";

/** One page of a listing. */
export interface S3Page {
  objects: BucketObject[];
  /** What keys begin with up to the delimiter, delimiter included. */
  folders: string[];
  /** Asks for the next page; undefined on the last. */
  next: string | undefined;
}

export interface S3Asked {
  prefix: string;
  delimiter?: string;
  /** Most objects of the page. @default 1000 */
  most?: number;
  next?: string;
}

/** The query that asks for a page. Keys are wanted encoded, because XML cannot say every one of them. */
export function listingQuery({ prefix, delimiter = "", most = 1_000, next }: S3Asked): string {
  const query = {
    ...(next !== undefined && { "continuation-token": next }),
    delimiter,
    "encoding-type": "url",
    "list-type": "2",
    "max-keys": String(most),
    prefix,
  };
  const encoded = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return Object.entries(query)
    .map(([name, value]) => `${name}=${encoded(value)}`)
    .join("&");
}

/** Reads a page. The client's own reading takes blanks off keys, and decodes those of a server that did not encode them. */
export function readListing(xml: string): S3Page {
  const encoded = /<EncodingType>url<\/EncodingType>/.test(xml);
  const key = (text: string) => (encoded ? decodeURIComponent(text.replaceAll("+", " ")) : text);
  const objects = [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, entry = ""]) => ({
    key: key(field(entry, "Key")),
    size: Number(field(entry, "Size")),
    etag: field(entry, "ETag").replace(/^"|"$/g, ""),
    modifiedAt: new Date(field(entry, "LastModified")),
  }));
  const folders = [...xml.matchAll(/<CommonPrefixes>(.*?)<\/CommonPrefixes>/gs)].map(([, entry = ""]) =>
    key(field(entry, "Prefix")),
  );
  const more = field(xml, "IsTruncated") === "true";
  return { objects, folders, next: more ? field(xml, "NextContinuationToken") : undefined };
}

const field = (xml: string, name: string): string =>
  plain(new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "");

const NAMED: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

const plain = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(lt|gt|amp|quot|apos));/gi, (whole, hex, decimal, name) => {
    if (name) return NAMED[String(name).toLowerCase()] ?? whole;
    return String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(decimal));
  });
