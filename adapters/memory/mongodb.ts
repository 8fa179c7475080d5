import { mongoAt } from "../clients/mongodb.ts";
import { isMissing } from "../clients/mongodb-errors.ts";
import { StoreError } from "../errors.ts";
import { checkTenant } from "../input.ts";
import type { MemoryBackend } from "./backend.ts";
import type { OpenMemory } from "./contract.ts";
import { memoryFleet } from "./fleet.ts";
import { FACTS } from "./mongodb-documents.ts";
import { mongoFleet } from "./mongodb-fleet.ts";
import { Heads } from "./mongodb-heads.ts";
import { mongoBackend } from "./mongodb-store.ts";
import { memoryStore } from "./store.ts";

/** The `memory` role in a database of MongoDB, or of a server that speaks its protocol. */
const open: OpenMemory = (url) => {
  const mongo = mongoAt(url);
  const heads = new Heads(mongo);
  const backend = (tenant: string) => mongoBackend(heads, checkTenant(tenant));
  const over = (backend: MemoryBackend) => memoryStore(backend, { durable: true, shared: true }, {});
  return {
    tenant: (tenant) => over(backend(tenant)),
    backend,
    over,
    fleet: memoryFleet(mongoFleet(heads)),
    health: () =>
      mongo.run(async (db) => {
        const { version, ferretdbVersion } = await db.command({ buildInfo: 1 });
        const name = ferretdbVersion === undefined ? `MongoDB ${version}` : `FerretDB, as MongoDB ${version}`;
        const indexes = await db
          .collection(FACTS)
          .listIndexes()
          .toArray()
          .catch((error) => (isMissing(error) ? [] : Promise.reject(error)));
        if (indexes.length < 2)
          throw new StoreError(
            "unprepared",
            "mongodb",
            `The database ${mongo.place.database} has no collection ${FACTS}.`,
            "Prepare it: npm run migrate",
          );
        return `${name}, database ${mongo.place.database}`;
      }),
    close: () => mongo.close(),
  };
};
export default open;
