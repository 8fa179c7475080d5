import type { Figure } from "./contract.ts";
import { bytes, counted, duration, percent, whole } from "./text.ts";

/** What INFO says, by name. */
export type Info = ReadonlyMap<string, string>;

/** The figures that INFO has; `now` in milliseconds since 1970. */
export function fromInfo(info: Info, now = Date.now()): Figure[] {
  const number = (name: string) => Number(info.get(name) ?? 0);
  return [memory(info, number), hits(number), load(number), clients(number), evictions(info, number), disk(info, now)];
}

type Read = (name: string) => number;

function memory(info: Info, number: Read): Figure {
  const [used, most] = [number("used_memory"), number("maxmemory")];
  const policy = info.get("maxmemory_policy") ?? "";
  const full = policy === "noeviction" ? "writes are refused when it is full" : "keys are evicted when it is full";
  return {
    name: "memory",
    value: used,
    unit: "bytes",
    text: most > 0 ? `${bytes(used)} of ${bytes(most)}` : bytes(used),
    note: `${policy} · ${bytes(number("used_memory_rss"))} of the machine's · peak ${bytes(number("used_memory_peak"))}`,
    ...(most > 0 && used > 0.85 * most && { warn: `${full}: raise its memory budget, or give keys a TTL` }),
  };
}

function hits(number: Read): Figure {
  const [hit, missed] = [number("keyspace_hits"), number("keyspace_misses")];
  const share = hit + missed > 0 ? hit / (hit + missed) : null;
  return {
    name: "hit rate",
    value: share,
    unit: "share",
    text: share === null ? "none yet" : percent(share),
    note: `of ${counted(hit + missed, "read")}`,
  };
}

const load = (number: Read): Figure => ({
  name: "operations",
  value: number("instantaneous_ops_per_sec"),
  unit: "per second",
  text: `${whole(number("instantaneous_ops_per_sec"))} /s`,
  note: `${whole(number("total_commands_processed"))} since the start ${duration(number("uptime_in_seconds") * 1000)} ago`,
});

function clients(number: Read): Figure {
  const [used, most] = [number("connected_clients"), number("maxclients")];
  const refused = number("rejected_connections");
  return {
    name: "clients",
    value: used,
    text: most > 0 ? `${whole(used)} of ${whole(most)}` : whole(used),
    note: `${number("blocked_clients")} blocked${refused > 0 ? ` · ${whole(refused)} refused since the start` : ""}`,
    ...(most > 0 && used > 0.8 * most && { warn: "few places are left: close idle clients" }),
  };
}

function evictions(info: Info, number: Read): Figure {
  const evicted = number("evicted_keys");
  return {
    name: "evictions",
    value: evicted,
    text: whole(evicted),
    note: `${counted(number("expired_keys"), "key")} expired`,
    ...(evicted > 0 && {
      warn: `${info.get("maxmemory_policy")} also removes locks and counters: raise the memory budget, or set noeviction`,
    }),
  };
}

/** Whether what is in memory is also on disk. */
function disk(info: Info, now: number): Figure {
  const saved = Number(info.get("rdb_last_save_time") ?? 0) * 1000;
  const appends = info.get("aof_enabled") === "1";
  const failed = ["aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"].filter(
    (name) => (info.get(name) ?? "ok") !== "ok",
  );
  const log = appends ? `file ${bytes(Number(info.get("aof_current_size") ?? 0))} · ` : "";
  return {
    name: "on disk",
    value: failed.length > 0 ? failed.join(" ") : "ok",
    text: failed.length > 0 ? "failing" : appends ? "append-only" : "snapshots",
    note: `${log}snapshot ${duration(Math.max(0, now - saved))} ago, ${counted(Number(info.get("rdb_changes_since_last_save") ?? 0), "change")} since`,
    ...(failed.length > 0 && { warn: `${failed.join(", ")}: see whether the disk is full: npm run doctor` }),
  };
}
