import type { Row } from "../clients/sql.ts";
import { number, type Seen, text } from "./postgres-row.ts";
import { counted, duration, percent, short, whole } from "./text.ts";

/** Seconds that a lock is waited for, or a transaction stays open, before somebody should look. */
const LOCK_SECONDS = 5;
const TRANSACTION_SECONDS = 300;

/** What the server does. By the name of the query in sql/queries/. */
export const load = {
  connections([row]: Row[]): Seen {
    const [used, most] = [number(row, "used"), number(row, "most")];
    const idle = number(row, "idle_in_transaction");
    const states = [
      `${number(row, "active")} active`,
      `${number(row, "idle")} idle`,
      idle && `${idle} idle in transaction`,
    ];
    const warn = `${percent(used / most)} are taken: close idle clients, or raise options.postgres.maxConnections`;
    return {
      figure: {
        name: "connections",
        value: used,
        text: `${used} of ${most}`,
        note: states.filter(Boolean).join(" · "),
        ...(used >= 0.8 * most && { warn }),
      },
    };
  },

  locks(rows: Row[]): Seen {
    const [first] = rows;
    const waiting = new Set(rows.map(({ pid }) => pid)).size;
    const who =
      first && `pid ${first.pid} for ${duration(number(first, "seconds") * 1000)} behind pid ${first.blocker}`;
    const late = number(first, "seconds") >= LOCK_SECONDS;
    const heading = ["waits", "for", "statement", "held by", "which is", "last statement"];
    const cells = rows.map((row) => [
      `${row.pid} ${text(row, "account")}`,
      duration(number(row, "seconds") * 1000),
      short(text(row, "statement")),
      `${row.blocker} ${text(row, "blocker_account")}`,
      text(row, "blocker_state"),
      short(text(row, "blocker_statement")),
    ]);
    return {
      figure: {
        name: "locks",
        value: waiting,
        text: waiting ? `${waiting} waiting` : "none waiting",
        note: first && `${who}, ${text(first, "blocker_state")}: ${short(text(first, "blocker_statement"), 40)}`,
        ...(late && {
          warn: `end its holder: npm run shell -- --admin postgres -c 'select pg_terminate_backend(${first?.blocker})'`,
        }),
      },
      table: { name: "locks", heading, rows: cells },
    };
  },

  "slow-statements"(rows: Row[]): Seen {
    const slowest = rows.toSorted((one, other) => number(other, "mean_ms") - number(one, "mean_ms"))[0];
    const heading = ["calls", "mean", "longest", "in all", "rows", "account", "statement"];
    const cells = rows.map((row) => [
      whole(number(row, "calls")),
      duration(number(row, "mean_ms")),
      duration(number(row, "max_ms")),
      duration(number(row, "total_ms")),
      whole(number(row, "rows")),
      text(row, "account"),
      short(text(row, "statement"), 100),
    ]);
    return {
      figure: {
        name: "slowest",
        value: slowest ? number(slowest, "mean_ms") : null,
        unit: "ms",
        text: slowest ? duration(number(slowest, "mean_ms")) : "none",
        note:
          slowest && `on average of ${counted(number(slowest, "calls"), "call")}: ${short(text(slowest, "statement"))}`,
      },
      table: { name: "slow statements", heading, rows: cells },
    };
  },

  "running-statements"(rows: Row[]): Seen {
    const [first] = rows;
    const heading = ["pid", "account", "for", "waits for", "statement"];
    const cells = rows.map((row) => [
      text(row, "pid"),
      text(row, "account"),
      duration(number(row, "ms")),
      text(row, "waits_for"),
      short(text(row, "statement"), 100),
    ]);
    return {
      figure: {
        name: "slowest",
        value: first ? number(first, "ms") : null,
        unit: "ms",
        text: first ? duration(number(first, "ms")) : "none",
        note: `of what runs now (pg_stat_statements is not loaded)${first ? `: ${short(text(first, "statement"))}` : ""}`,
      },
      table: { name: "running statements", heading, rows: cells },
    };
  },

  transactions(rows: Row[]): Seen {
    const [first] = rows;
    const seconds = number(first, "seconds");
    const heading = ["pid", "account", "state", "open for", "last statement"];
    const cells = rows.map((row) => [
      text(row, "pid"),
      text(row, "account"),
      text(row, "state"),
      duration(number(row, "seconds") * 1000),
      short(text(row, "statement"), 100),
    ]);
    return {
      figure: {
        name: "oldest transaction",
        value: first ? seconds : null,
        unit: "s",
        text: first ? duration(seconds * 1000) : "none",
        note: first && `pid ${first.pid} ${text(first, "account")}, ${text(first, "state")}`,
        ...(seconds > TRANSACTION_SECONDS && {
          warn: `end pid ${first?.pid}: nothing is cleared away while it is open`,
        }),
        minor: true,
      },
      table: { name: "transactions", heading, rows: cells },
    };
  },

  cache([row]: Row[]): Seen {
    const ratio = row?.ratio === null ? null : number(row, "ratio");
    const busy = number(row, "blocks") > 1_000_000;
    const warn = "much comes from disk: raise budgets.postgres.memory";
    return {
      figure: {
        name: "cache hits",
        value: ratio,
        unit: "share",
        text: ratio === null ? "none yet" : percent(ratio),
        note: `of ${counted(number(row, "blocks"), "block")} read`,
        ...(busy && ratio !== null && ratio < 0.9 && { warn }),
      },
    };
  },
};
