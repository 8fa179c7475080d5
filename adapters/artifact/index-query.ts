import type { Row, Statement, Value } from "../clients/sql.ts";
import type { Metadata } from "../input.ts";
import { RUNS } from "../runs.ts";
import type { Kept } from "./backend.ts";
import type { CheckedFind } from "./validate.ts";

/** The columns that say what an artifact is. */
export const INFO = "version, size, sha256, content_type, run_id, metadata, modified_at";

/** Asks for what is stored, newest first. What runs keep for themselves is seen by the prefix that names it, and by no other query. */
export function findSql(tenant: string, query: CheckedFind): Statement {
  const values: Value[] = [tenant];
  const given = (value: Value) => `$${values.push(value)}`;
  const where: string[] = [];
  if (query.run !== undefined) where.push(`run_id = ${given(query.run)}`);
  if (query.contentType !== undefined) where.push(`content_type = ${given(query.contentType)}`);
  if (query.sha256 !== undefined) where.push(`sha256 = decode(${given(query.sha256)}, 'hex')`);
  if (!query.prefix?.startsWith(RUNS)) where.push(`not starts_with(path, ${given(RUNS)})`);
  if (query.prefix) where.push(`starts_with(path, ${given(query.prefix)})`);
  if (query.modifiedAfter) where.push(`modified_at > ${given(query.modifiedAfter.toISOString())}::timestamptz`);
  for (const [key, value] of Object.entries(query.metadata ?? {}))
    where.push(`metadata -> ${given(key)}::text = ${given(JSON.stringify(value))}::jsonb`);
  return {
    text: `select path, version, size, encode(sha256, 'hex') as sha256, content_type, run_id, metadata,
        extract(epoch from modified_at)::float8 * 1000 as modified
      from agents.artifacts where tenant_id = $1 and state = 'stored' ${where.map((one) => `and ${one}`).join(" ")}
      order by modified_at desc, path limit ${query.limit}`,
    values,
  };
}

export const keptOf = (row: Row): Kept => ({
  path: String(row.path),
  size: Number(row.size),
  sha256: row.sha256 as string | null,
  contentType: String(row.content_type),
  run: row.run_id as string | null,
  metadata: row.metadata as Metadata,
  modifiedAt: new Date(Math.round(Number(row.modified))),
  version: String(row.version),
});
