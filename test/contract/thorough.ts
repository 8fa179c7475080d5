import { serverEnv } from "./servers.ts";

/** Beside real servers, as the lab runs them, everything is tried as often as is promised; `npm test` tries less, since it is to take two minutes. */
export const thorough = Object.keys(serverEnv).length > 0;

const servers = new Set(
  Object.keys(serverEnv).flatMap((name) => /^(.+)_APP_URL$/.exec(name)?.[1]?.toLowerCase().replaceAll("_", "-") ?? []),
);

/** Random cases of a contract on one store: as many as are promised in process and on a server, where the store's own part is tried; fewer where that is the same code in an embedded engine. */
export const casesOn = (store: string): number => (store === "inprocess" || servers.has(store) ? 1_000 : 100);
