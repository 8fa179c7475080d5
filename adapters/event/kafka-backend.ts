import type { EventBackend } from "./backend.ts";
import { appending, type Command, restoring, type TakenEntries } from "./kafka-commands.ts";
import type { Ear } from "./kafka-ear.ts";
import type { TenantLog } from "./kafka-log.ts";
import { dueMs, hasSome } from "./machine-groups.ts";
import { streamKey, whenRung } from "./wake.ts";

/** One tenant's log. What changes nothing is not written. */
export function kafkaBackend(log: TenantLog, ear: Ear, tenant: string): EventBackend {
  const act = <T>(command: Command) => log.act<T>({ command });
  return {
    append: (stream, events, expected) => log.act(appending(stream, events, expected)),
    read: async (...asked) => log.contents((await log.current()).read(...asked)),
    head: async (stream) => (await log.current()).of(stream).head,
    streams: async (from, after) => (await log.current()).page(from, after),
    async trim(stream, upTo, before) {
      const some = (await log.current()).ended(stream, upTo, before) > 0;
      return some ? act({ do: "trim", stream, upTo, before }) : 0;
    },
    groups: async (stream) => (await log.current()).groups(stream),
    async join(stream, group, from) {
      if (!(await log.current()).of(stream).groups.has(group)) await act({ do: "join", stream, group, from });
    },
    async take(place, options) {
      const machine = await log.current();
      const stream = machine.of(place.stream);
      const group = stream.groups.get(place.group);
      if (!group) return undefined;
      const resumes = options.resume && [...group.held.values()].some(({ consumer }) => consumer === place.consumer);
      if (options.done.length === 0 && !resumes && !hasSome(stream, group, log.now()))
        return { events: [], dueMs: dueMs(group, log.now()) };
      const taken = await act<TakenEntries>({ do: "take", place, options });
      if (!taken) return undefined;
      const contents = await log.contents(taken.entries.map(({ entry }) => entry));
      const byVersion = new Map(taken.entries.map(({ entry, ...how }) => [entry.version, how]));
      const events = contents.map((event) => ({ ...event, count: 1, missed: 0, ...byVersion.get(event.version) }));
      return { events, dueMs: taken.dueMs };
    },
    acknowledge: (place, versions) => act({ do: "acknowledge", place, versions }),
    giveBack: (place, versions, delayMs, seen) => act({ do: "giveBack", place, versions, delayMs, seen }),
    async listen(stream, ring) {
      const [stop, stopEar] = [whenRung(streamKey(tenant, stream), ring), ear.listen(log)];
      return async () => {
        stop();
        stopEar();
      };
    },
    groupStates: async (after) => (await log.current()).groupStates(after),
    restoreStream: (state) => act({ do: "restoreStream", state }),
    restoreEvents: (stream, events) => log.act(restoring(stream, events)),
    restoreGroup: (stream, state) => act({ do: "restoreGroup", stream, state }),
    async removeRun(run) {
      const some = (await log.current()).ofRun(run).length > 0;
      return some ? act({ do: "removeRun", run }) : { streams: 0, events: 0, groups: 0 };
    },
  };
}
