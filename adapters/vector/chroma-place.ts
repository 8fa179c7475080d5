import { setTimeout as sleep } from "node:timers/promises";
import type { Chroma, Method } from "../clients/chroma.ts";
import { isAbsent, isMoving, isThere } from "../clients/chroma-errors.ts";
import type { Kept } from "./chroma-records.ts";

/** The collection that has a tenant's documents, and its marks. The others are named after their spaces. */
export const DOCUMENTS = "documents";

/** How often something is done again that others took away while it was done. */
const TRIES = 20;

export interface Listed {
  id: string;
  name: string;
  metadata: Record<string, unknown> | null;
}

/** Records as the server answers them. */
export interface Records {
  ids: string[];
  metadatas: (Kept | null)[] | null;
  embeddings: number[][] | null;
}

/** The name of a tenant's database; a tenant's own may be too short, or end with a sign that the server does not take there. */
export const databaseOf = (tenant: string): string => `${tenant}.db`;

/** The tenants of databases. */
export const tenantIn = (database: string): string[] => (database.endsWith(".db") ? [database.slice(0, -3)] : []);

/** One tenant's database. Whatever is done to its collections goes through here. */
export class ChromaPlace {
  readonly #chroma: Chroma;
  readonly #database: string;
  /** Ids of collections by name: those that were seen, and were not missed since. */
  readonly #ids = new Map<string, string>();

  constructor(chroma: Chroma, tenant: string) {
    this.#chroma = chroma;
    this.#database = databaseOf(tenant);
  }

  /** All collections; none for a tenant that has no database. */
  async list(): Promise<Listed[]> {
    const all = await this.#send<Listed[]>("GET", ["collections?limit=10000"]);
    this.#ids.clear();
    for (const { id, name } of all) this.#ids.set(name, id);
    return all;
  }

  /** Asks a collection. One that is not there answers `none`. */
  async ask<T>(name: string, act: "get" | "query" | "count" | "delete" | "update", body: object, none: T): Promise<T> {
    for (let tries = 1; ; tries++) {
      const known = this.#ids.get(name);
      const id = known ?? (await this.list()).find((one) => one.name === name)?.id;
      if (!id) return none;
      try {
        return await (act === "count"
          ? this.#send<T>("GET", ["collections", id, act])
          : this.#send<T>("POST", ["collections", id, act], body));
      } catch (error) {
        if (isAbsent(error)) {
          this.#ids.delete(name);
          if (!known) return none;
        } else if (act === "get" && isMoving(error) && tries < TRIES) await sleep(10);
        else throw error;
      }
    }
  }

  get(name: string, body: object): Promise<Records> {
    return this.ask<Records>(name, "get", body, { ids: [], metadatas: [], embeddings: [] });
  }

  /** Writes records into a collection, which is made where there is none. */
  async write(name: string, act: "upsert" | "add", body: object, made: object): Promise<void> {
    for (let tries = 1; ; tries++) {
      const id = this.#ids.get(name) ?? (await this.make(name, made));
      try {
        await this.#send("POST", ["collections", id, act], body);
        return;
      } catch (error) {
        if (!isAbsent(error) || tries === TRIES) throw error;
        this.#ids.delete(name); // somebody freed it
      }
    }
  }

  /** Makes a collection unless it is there; resolves to its id. */
  async make(name: string, made: object): Promise<string> {
    const create = () =>
      this.#send<Listed>("POST", ["collections"], { name, get_or_create: true, ...made }).catch((error) => {
        if (!isThere(error)) throw error;
        return undefined;
      });
    const first = await create().catch(async (error) => {
      if (!isAbsent(error)) throw error;
      const database = { name: this.#database };
      await this.#chroma.send("POST", this.#chroma.path("databases"), database).catch((fault) => {
        if (!isThere(fault)) throw fault;
      });
      return create();
    });
    const id = first?.id ?? (await this.list()).find((one) => one.name === name)?.id ?? (await create())?.id ?? "";
    this.#ids.set(name, id);
    return id;
  }

  async modify(id: string, change: object): Promise<void> {
    await this.#send("PUT", ["collections", id], change);
  }

  async removeCollection(name: string): Promise<void> {
    this.#ids.delete(name);
    await this.#send("DELETE", ["collections", name]).catch((error) => {
      if (!isAbsent(error)) throw error;
    });
  }

  /** Removes the database with all its collections. */
  async remove(): Promise<void> {
    this.#ids.clear();
    await this.#send("DELETE", []).catch((error) => {
      if (!isAbsent(error)) throw error;
    });
  }

  #send<T>(method: Method, parts: string[], body?: object): Promise<T> {
    return this.#chroma.send<T>(method, this.#chroma.path("databases", this.#database, ...parts), body);
  }
}
