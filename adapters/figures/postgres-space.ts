import type { Row } from "../clients/sql.ts";
import { number, type Seen, text } from "./postgres-row.ts";
import { bytes, counted, duration, percent, whole } from "./text.ts";

/** Indexes below this cost too little to be talked about. */
const BIG_INDEX = 10 * 1024 ** 2;

/** What the server holds. By the name of the query in sql/queries/. */
export const space = {
  size([row]: Row[]): Seen {
    const [log, most] = [number(row, "wal_bytes"), number(row, "max_wal_bytes")];
    return {
      figure: {
        name: "size",
        value: number(row, "bytes"),
        unit: "bytes",
        text: bytes(number(row, "bytes")),
        note: `write-ahead log ${bytes(log)} of ${bytes(most)}`,
        ...(log > 1.5 * most && {
          warn: "the write-ahead log is over its limit: look for a replication slot that is away",
        }),
      },
    };
  },

  tables(rows: Row[]): Seen {
    const [first] = rows;
    const figure = {
      name: "tables",
      value: rows.length,
      text: first ? bytes(number(first, "bytes")) : "none",
      note: first ? `the biggest: ${text(first, "name")}` : undefined,
    };
    const heading = ["table", "bytes", "of indexes", "rows", "dead", "vacuumed (UTC)"];
    const cells = rows.map((row) => [
      text(row, "name"),
      bytes(number(row, "bytes")),
      bytes(number(row, "index_bytes")),
      whole(number(row, "live")),
      whole(number(row, "dead")),
      text(row, "vacuumed"),
    ]);
    return { figure, table: { name: "tables", heading, rows: cells } };
  },

  bloat(rows: Row[]): Seen {
    const dead = rows.reduce((sum, row) => sum + number(row, "dead"), 0);
    const worst = rows.find((row) => number(row, "live") + number(row, "dead") > 10_000 && number(row, "share") > 0.2);
    const heading = ["table", "dead", "of its rows", "about", "autovacuumed (UTC)"];
    const cells = rows.map((row) => [
      text(row, "name"),
      whole(number(row, "dead")),
      percent(number(row, "share")),
      bytes(number(row, "dead_bytes")),
      text(row, "autovacuumed"),
    ]);
    return {
      figure: {
        name: "dead rows",
        value: dead,
        text: whole(dead),
        note: rows[0] && `the most in ${text(rows[0], "name")}, autovacuumed ${text(rows[0], "autovacuumed")}`,
        ...(worst && { warn: `vacuum ${text(worst, "name")}, and see whether an old transaction holds it back` }),
        minor: true,
      },
      table: { name: "dead rows", heading, rows: cells },
    };
  },

  indexes(rows: Row[]): Seen {
    const unused = rows.filter((row) => row.unused && number(row, "bytes") >= BIG_INDEX);
    const invalid = rows.filter((row) => row.invalid).map((row) => text(row, "name"));
    const heading = ["index", "on", "bytes", "used", ""];
    const cells = rows.map((row) => [
      text(row, "name"),
      text(row, "on_table"),
      bytes(number(row, "bytes")),
      whole(number(row, "scans")),
      row.invalid ? "invalid" : row.unused ? "unused" : "",
    ]);
    return {
      figure: {
        name: "unused indexes",
        value: unused.length,
        text: unused.length ? whole(unused.length) : "none",
        note: unused[0] && `over 10 MiB; the biggest: ${text(unused[0], "name")}`,
        ...(invalid.length > 0 && { warn: `build anew, for nothing reads it: reindex index ${invalid[0]}` }),
        minor: true,
      },
      table: { name: "indexes", heading, rows: cells },
    };
  },

  "missing-indexes"(rows: Row[]): Seen {
    const [first] = rows;
    const heading = ["table", "rows", "read whole", "by index", "rows a read"];
    const cells = rows.map((row) => [
      text(row, "name"),
      ...["rows", "whole_reads", "index_reads", "rows_per_read"].map((column) => whole(number(row, column))),
    ]);
    return {
      figure: {
        name: "read whole",
        value: rows.length,
        text: rows.length ? counted(rows.length, "table") : "none",
        note: first && `${text(first, "name")}, ${counted(number(first, "whole_reads"), "time")}`,
        minor: true,
      },
      table: { name: "tables read whole", heading, rows: cells },
    };
  },

  replication(rows: Row[]): Seen {
    const [first] = rows;
    const behind = number(first, "behind_bytes");
    const heading = ["replica or slot", "state", "behind", ""];
    const cells = rows.map((row) => [
      text(row, "name"),
      text(row, "state"),
      bytes(number(row, "behind_bytes")),
      row.behind_seconds === null ? "" : duration(number(row, "behind_seconds") * 1000),
    ]);
    return {
      figure: {
        name: "replication",
        value: first ? behind : null,
        unit: "bytes",
        text: first ? `${bytes(behind)} behind` : "no copies",
        note: first && `${text(first, "name")}, ${text(first, "state")}`,
        ...(behind > 1024 ** 3 && {
          warn: `bring ${text(first, "name")} back, or drop its slot: the log grows until then`,
        }),
        minor: true,
      },
      table: { name: "replication", heading, rows: cells },
    };
  },
};
