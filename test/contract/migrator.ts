import { sqlClient } from "../../adapters/clients/sql-shared.ts";
import { appliedMigrations } from "../../adapters/prepare/database.ts";
import { migrateProducts } from "../../adapters/prepare/index.ts";

// A process that migrates, and says where it is, so that it can be killed at any moment of it: the variables are its argument.

const env = JSON.parse(process.argv[2] ?? "{}") as Record<string, string>;
const owner = sqlClient(Object.entries(env).find(([name]) => name.endsWith("_OWNER_URL"))?.[1] ?? "", "vector");
const { length } = await appliedMigrations(owner);
process.stdout.write(`begin ${length}\n`);
await migrateProducts(env);
process.stdout.write("end\n");
await owner.close();
