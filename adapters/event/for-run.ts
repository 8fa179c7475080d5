import { byCodePoint } from "../order.ts";
import { type Names, RUNS, runsByName } from "../runs.ts";
import type { EventBackend, Place } from "./backend.ts";
import type { EventStore } from "./contract.ts";
import { checkName } from "./validate.ts";

/** Names of a run's streams have its prefix. */
export default runsByName<EventBackend, EventStore>("event", checkName, renamed);

function renamed(backend: EventBackend, { part, kept, shown }: Names): EventBackend {
  const name = (stream: string) => kept(stream, "The stream");
  const at = (place: Place): Place => ({ ...place, stream: name(place.stream) });
  const { listen } = backend;
  return {
    ...backend,
    append: async (stream, events, expected) => backend.append(name(stream), events, expected),
    read: async (stream, after, limit, backwards) => backend.read(name(stream), after, limit, backwards),
    head: async (stream) => backend.head(name(stream)),
    async streams(from, after) {
      if (part.inside) {
        const page = await backend.streams(part.from + from, after && part.from + after);
        return page
          .filter(({ stream }) => stream.startsWith(part.from))
          .map((one) => ({ ...one, stream: shown(one.stream) }));
      }
      const page = await backend.streams(from, after);
      const outside = page.filter(({ stream }) => !stream.startsWith(RUNS));
      if (outside.length > 0 || page.length === 0) return outside;
      return backend.streams(byCodePoint(from, part.to) > 0 ? from : part.to, after); // behind all of the runs' streams
    },
    trim: async (stream, upTo, before) => backend.trim(name(stream), upTo, before),
    groups: async (stream) => backend.groups(name(stream)),
    join: async (stream, group, from) => backend.join(name(stream), group, from),
    take: async (place, options) => backend.take(at(place), options),
    acknowledge: async (place, versions) => backend.acknowledge(at(place), versions),
    giveBack: async (place, versions, delayMs, seen) => backend.giveBack(at(place), versions, delayMs, seen),
    ...(listen && { listen: async (stream, ring) => listen(name(stream), ring) }),
  };
}
