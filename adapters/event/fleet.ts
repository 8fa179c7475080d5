import { checkTenant } from "../input.ts";
import type { SnapshotRecord } from "../role.ts";
import type { EventBackend, Removed } from "./backend.ts";
import type { EventFleet } from "./contract.ts";
import { misplaced } from "./problems.ts";
import { checkRecord, eventRecord, groupRecord, streamRecord } from "./records.ts";
import { checkNames, checkPurge } from "./validate.ts";

/** What one protocol does across tenants. */
export interface FleetBackend {
  of(tenant: string): EventBackend;
  /** In order of their ids. */
  tenants(): Promise<{ tenant: string; streams: number }[]>;
  deleteTenant(tenant: string): Promise<Removed>;
  /** Resolves to how many events it removed. */
  purge(olderThanMs: number): Promise<number>;
}

/** Events that go into the store together: so many, or of as much JSON. */
const BATCH = { events: 500, bytes: 4 * 1024 * 1024 };
/** Events that are read together: each may be of 256 KiB. */
const PAGE = 50;

export function eventFleet(backend: FleetBackend): EventFleet {
  return {
    tenants: () => backend.tenants(),
    async deleteTenant(tenant) {
      return backend.deleteTenant(checkTenant(tenant));
    },
    async purge(options) {
      return { events: await backend.purge(checkPurge(options)) };
    },
    async *export(options) {
      const { tenant } = checkNames(options, "export", ["tenant", "blobs"]);
      const all = tenant === undefined ? (await backend.tenants()).map((one) => one.tenant) : [checkTenant(tenant)];
      for (const one of all) yield* exported(one, backend.of(one));
    },
    async import(records) {
      const counts = { stream: 0, event: 0, group: 0 };
      for await (const batch of together(records)) {
        const [first] = batch;
        if (!first) continue;
        counts[first.kind] += batch.length;
        const to = backend.of(first.tenant);
        if (first.kind === "stream") await to.restoreStream(first.state);
        else if (first.kind === "group") await to.restoreGroup(first.stream, first.state);
        else if (
          !(await to.restoreEvents(
            first.stream,
            batch.map((one) => (one as typeof first).event),
          ))
        )
          misplaced(first.stream);
      }
      return counts;
    },
  };
}

async function* exported(tenant: string, from: EventBackend): AsyncGenerator<SnapshotRecord> {
  for await (const state of streamsOf(from)) yield streamRecord(tenant, state);
  for await (const { stream } of streamsOf(from)) {
    for (let last = 0; ; ) {
      const page = await from.read(stream, last, PAGE, false);
      for (const event of page) yield eventRecord(tenant, stream, event);
      if (page.length === 0) break;
      last = page.at(-1)?.version ?? last;
    }
  }
  for (let after = { stream: "", group: "" }; ; ) {
    const page = await from.groupStates(after);
    for (const { stream, ...state } of page) yield groupRecord(tenant, stream, state);
    const last = page.at(-1);
    if (!last) return;
    after = last;
  }
}

async function* streamsOf(from: EventBackend) {
  for (let last = ""; ; ) {
    const page = await from.streams("", last);
    yield* page;
    if (page.length === 0) return;
    last = page.at(-1)?.stream ?? last;
  }
}

/** Events of one stream that follow each other together, and every other record alone. */
async function* together(records: AsyncIterable<SnapshotRecord>) {
  type Checked = ReturnType<typeof checkRecord>;
  let batch: Checked[] = [];
  let bytes = 0;
  for await (const record of records) {
    const one = checkRecord(record);
    const last = batch.at(-1);
    const joins =
      one.kind === "event" && last?.kind === "event" && last.tenant === one.tenant && last.stream === one.stream;
    if (joins && one.event.version <= last.event.version) misplaced(one.stream);
    if (batch.length > 0 && (!joins || batch.length >= BATCH.events || bytes > BATCH.bytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(one);
    if (one.kind === "event") bytes += one.bytes;
  }
  if (batch.length > 0) yield batch;
}
