import { checkTenant } from "../input.ts";
import { byCodePoint } from "../order.ts";
import type { EventBackend, KeptEvent } from "./backend.ts";
import type { OpenEvent } from "./contract.ts";
import { eventFleet, type FleetBackend } from "./fleet.ts";
import { EventMachine } from "./machine.ts";
import { closeAll, eventStore, type Subscriptions } from "./store.ts";
import { ringAll, streamKey, whenRung } from "./wake.ts";

type Machine = EventMachine<KeptEvent>;
/** By tenant. */
type State = Map<string, Machine>;
const states = new Map<string, State>();

const can = { durable: false, shared: false, expectedVersion: true, idempotent: true };
const why = { durable: "It lives in this process's memory.", shared: "Another process has a memory of its own." };

/**
 * The `event` role in this process's memory: for tests and for trying things out. Everything in this process that opens `inprocess:` shares one state,
 * and `inprocess:name` another.
 */
const open: OpenEvent = (url) => {
  const state = states.get(url) ?? new Map();
  states.set(url, state);
  const subscriptions: Subscriptions = new Set();
  const backend = (tenant: string) => memoryBackend(state, checkTenant(tenant));
  const over = (backend: EventBackend) => eventStore(backend, can, why, subscriptions);
  return {
    tenant: (tenant) => over(backend(tenant)),
    backend,
    over,
    fleet: eventFleet(memoryFleet(state)),
    health: async () => "in-process memory",
    close: () => closeAll(subscriptions),
  };
};
export default open;

function memoryBackend(state: State, tenant: string): EventBackend {
  /** Only what was written makes a tenant. */
  const machine = (): Machine => state.get(tenant) ?? new EventMachine<KeptEvent>();
  function write<T>(act: (machine: Machine) => T): T {
    const one = machine();
    const done = act(one);
    if (one.streams.size > 0) state.set(tenant, one);
    else state.delete(tenant);
    return done;
  }
  return {
    async append(name, events, expected) {
      const ids = events.map(({ id }) => id);
      const appended = write((to) =>
        to.append(name, ids, expected, Date.now(), (index, version, at) => {
          const { type = "", json = "null", id = null } = events[index] ?? {};
          return { version, at, type, data: JSON.parse(json), id };
        }),
      );
      if (appended.outcome === "appended") ringAll(streamKey(tenant, name));
      return appended;
    },
    // What a caller changes is his own.
    read: async (...asked) => structuredClone(machine().read(...asked)),
    head: async (name) => machine().of(name).head,
    streams: async (from, after) => machine().page(from, after),
    trim: async (...what) => machine().trim(...what),
    async listen(name, ring) {
      const stop = whenRung(streamKey(tenant, name), ring);
      return async () => stop();
    },
    groups: async (name) => machine().groups(name),
    join: async (...how) => write((to) => to.join(...how)),
    async take(place, options) {
      const taken = machine().take(place, options, Date.now());
      const events = taken?.entries.map(({ entry, count, missed }) => ({ ...structuredClone(entry), count, missed }));
      return taken && { events: events ?? [], dueMs: taken.dueMs };
    },
    acknowledge: async (...done) => machine().acknowledge(...done),
    giveBack: async (place, versions, delayMs, seen) =>
      machine().giveBack(place, versions, { delayMs, seen, now: Date.now() }),
    groupStates: async (after) => machine().groupStates(after),
    restoreStream: async (stream) => write((to) => to.restoreStream(stream)),
    restoreEvents: async (name, events) => write((to) => to.restoreEvents(name, structuredClone([...events]))),
    restoreGroup: async (name, group) => write((to) => to.restoreGroup(name, group)),
    removeRun: async (run) => write((to) => to.removeRun(run)),
  };
}

function memoryFleet(state: State): FleetBackend {
  return {
    of: (tenant) => memoryBackend(state, tenant),
    async tenants() {
      const all = [...state].sort(([a], [b]) => byCodePoint(a, b));
      return all.map(([tenant, machine]) => ({ tenant, streams: machine.sizes().streams }));
    },
    async deleteTenant(tenant) {
      const sizes = (state.get(tenant) ?? new EventMachine()).sizes();
      state.delete(tenant);
      return sizes;
    },
    async purge(olderThanMs) {
      const before = (Date.now() - olderThanMs) * 1000;
      let removed = 0;
      for (const machine of state.values()) removed += machine.purge(before);
      return removed;
    },
  };
}
