import pg from "pg";

/** The accounts of the server that is measured. */
export interface Place {
  app: string;
  fleet: string;
  admin: string;
}

/** A plain connection of the client that ours uses too. */
export async function connected(url: string, pipeline: boolean): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, pipeline } as pg.ClientConfig);
  await client.connect();
  return client;
}
