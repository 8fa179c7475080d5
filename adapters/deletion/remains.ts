import type { Remain } from "./certificate.ts";

/** Of every deletion. */
const ALWAYS: readonly Remain[] = [
  {
    where: "snapshots",
    what: "snapshots of the fleet that were written before, in .snapshots or elsewhere",
    ends: "delete them, or write them anew; after a restore of one, delete the tenant again",
  },
  {
    where: "backups",
    what: "backups of servers, volumes and disks",
    ends: "when their retention is over; after a restore of one, delete the tenant again",
  },
  {
    where: "kept copies",
    what: "the store that a role was moved away from, which the fleet does not open any more",
    ends: "when that store is deleted",
  },
  {
    where: "traces and logs",
    what: "spans, and lines of programs and servers, that name the tenant or what it asked",
    ends: "when the retention of whatever keeps them is over",
  },
  { where: "certificates", what: "the tenant's id, and counts of what it had", ends: "never: they are the proof" },
];

const SQL: readonly Remain[] = [
  {
    where: "audit",
    what: "agents.audit: the tenant's id, what was done, and to what",
    ends: "never: it is append-only",
  },
  {
    where: "database log files",
    what: "the write-ahead log, its archive, and replicas that are behind",
    ends: "when the server recycles the log, and when the archive's retention is over",
  },
  {
    where: "dead rows",
    what: "removed rows in the database's files, which no query sees",
    ends: "when vacuum has run and their space is used again",
  },
];

/** Of a bucket. */
const BUCKET: readonly Remain[] = [
  {
    where: "object versions",
    what: "versions and delete markers, where the bucket keeps them, and copies in other buckets",
    ends: "by the bucket's lifecycle rules",
  },
  {
    where: "presigned URLs",
    what: "URLs that were given out: whoever has one for writing can write the tenant's path again",
    ends: "when they expire, a week after they were made at most",
  },
];

/** Of a bucket of a cloud, whose unfinished uploads have no list. */
const CLOUD: readonly Remain[] = [
  ...BUCKET,
  {
    where: "soft deletion",
    what: "removed objects, where the account or bucket keeps them for a while",
    ends: "when its retention is over: 7 days by default",
  },
  {
    where: "unfinished uploads",
    what: "parts of contents whose upload was cut short, which nobody can list or read",
    ends: "by themselves, a week later",
  },
];

/** By the protocol of a store. */
const OF: Readonly<Record<string, readonly Remain[]>> = {
  postgres: SQL,
  pglite: SQL,
  redis: [
    {
      where: "server's files",
      what: "the append-only file and the dump on the server's disk, and replicas that are behind",
      ends: "when the server writes them anew: BGREWRITEAOF, BGSAVE",
    },
  ],
  sqlite: [
    {
      where: "database files",
      what: "freed pages of the database and its write-ahead file, which no query sees",
      ends: "when they are written over, or after vacuum",
    },
  ],
  s3: BUCKET,
  azblob: CLOUD,
  gs: CLOUD,
  file: [{ where: "disk", what: "freed blocks, and snapshots of the file system", ends: "when they are written over" }],
  chroma: [
    {
      where: "index files",
      what: "vectors and ids of chunks in folders of the server's volume, which it does not remove with their collections, and freed pages of its database",
      ends: "when the folders of segments without a collection are removed while the server is stopped, and after vacuum",
    },
  ],
  mongodb: [
    {
      where: "server's files",
      what: "freed blocks of the collections' files and the journal, which no query sees, and replicas that are behind",
      ends: "when the server writes them over, or after compact",
    },
  ],
  kafka: [
    {
      where: "server's files",
      what: "the removed topic's files, and copies that consumers of others made of it",
      ends: "a minute after the topic was removed (file.delete.delay.ms); copies, when they are deleted",
    },
  ],
};

/** Other schemes of a protocol. */
const SAME: Readonly<Record<string, string>> = { rediss: "redis", "mongodb+srv": "mongodb" };

/** Where a tenant may still be after it was deleted from stores of these protocols. */
export function remainsOf(protocols: Iterable<string>): Remain[] {
  const known = [...new Set(protocols)].map((one) => OF[SAME[one] ?? one] ?? []);
  return [...ALWAYS, ...new Set(known.flat())];
}
