import type pg from "pg";

export const CHANNEL = "bench_events";

/** Some hundred bytes of JSON. */
export const data = (n: number) => ({
  order: `order-${n}`,
  items: [{ sku: "A-17", count: n % 7 }],
  note: "as it was asked for ".repeat(8),
  sent: performance.timeOrigin + performance.now(),
});

export interface Way {
  append(stream: string, content: object, worker: number): Promise<unknown>;
  read(stream: string, worker: number): Promise<unknown>;
}
export type Who = "ours" | "baseline";

/** What an expert would write by hand for the same tables, in the tenant's transaction and one round trip: no expected version, no ids, no care for partitions. */
export class ByHand implements Way {
  readonly #clients: readonly pg.Client[];
  readonly #tenant: string;

  constructor(clients: readonly pg.Client[], tenant: string) {
    this.#clients = clients;
    this.#tenant = tenant;
  }

  append(stream: string, content: object, worker: number): Promise<unknown> {
    const text = `with moved as (
        insert into events.streams as s (tenant_id, stream, head, last_at) values ($1, $2, 1, clock_timestamp())
        on conflict (tenant_id, stream) do update set head = s.head + 1, last_at = clock_timestamp() returning head, last_at)
      insert into events.events (tenant_id, stream, version, at, type, data)
      select $1, $2, head, last_at, 'bench', $3 from moved returning version`;
    const values = [this.#tenant, stream, JSON.stringify(content)];
    return this.#send(worker, [
      { name: "append", text, values },
      { name: "notify", text: `select pg_notify('${CHANNEL}', $1)`, values: [stream] },
    ]);
  }

  async read(stream: string, worker: number): Promise<unknown> {
    const text =
      "select version, type, data, event_id, at from events.events where tenant_id = $1 and stream = $2 and version > $3 order by version limit 100";
    return this.#send(worker, [{ name: "read", text, values: [this.#tenant, stream, 200] }]);
  }

  /** When the newest event of a stream was sent. */
  async newest(stream: string): Promise<number> {
    const text =
      "select version, type, data, event_id, at from events.events where tenant_id = $1 and stream = $2 order by version desc limit 1";
    const [, found] = await this.#send(0, [{ name: "newest", text, values: [this.#tenant, stream] }]);
    return found?.rows[0].data.sent;
  }

  #send(worker: number, queries: pg.QueryConfig[]): Promise<pg.QueryResult[]> {
    const client = this.#clients[worker] as pg.Client;
    const begin = client.query(`begin; set local app.tenant = '${this.#tenant}'`);
    return Promise.all([begin, ...queries.map((query) => client.query(query)), client.query("commit")]);
  }
}
