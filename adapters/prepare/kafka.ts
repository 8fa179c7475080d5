import { setTimeout as sleep } from "node:timers/promises";
import type * as Client from "@platformatic/kafka";
import { type Kafka, kafkaAt } from "../clients/kafka.ts";
import { isWithoutRights } from "../clients/kafka-errors.ts";
import { parseKafkaUrl } from "../clients/kafka-url.ts";
import { StoreError } from "../errors.ts";
import type { PrepareProduct, ProductUrls } from "./contract.ts";

type Right = "READ" | "WRITE" | "CREATE" | "DELETE";

/** What an account may do with the topics of our prefix: those of tenants are made when they first write, and the fleet's removes them and their beginnings. */
const RIGHTS: Record<"owner" | "fleet" | "app", readonly Right[]> = {
  owner: ["READ", "WRITE", "CREATE", "DELETE"],
  fleet: ["READ", "WRITE", "CREATE", "DELETE"],
  app: ["READ", "WRITE", "CREATE"],
};
/** How long a right that was given may take to hold, in milliseconds. */
const SETTLES = 10_000;

const prepareProduct: PrepareProduct = {
  async prepare(urls, { frozen }) {
    const kafka = kafkaAt(urls.admin);
    try {
      await kafka.topics(); // that it answers
      const roles: string[] = [];
      for (const [user, rights] of accountsOf(urls)) {
        const done = await give(kafka, user, frozen.includes("event") ? ["READ"] : rights);
        if (done) roles.push(user);
      }
      return { roles: roles.length > 0 ? roles : [kafka.place.username || "anybody"], migrations: 0, applied: [] };
    } finally {
      await kafka.close();
    }
  },
  pending: async () => [],
  migrate: async () => [],
};
export default prepareProduct;

/** The accounts beside the administrator's, with their rights. Where one stands for several, it has those of all. */
function accountsOf(urls: ProductUrls): Map<string, readonly Right[]> {
  const places = (["owner", "fleet", "app"] as const).map((account) => ({ account, ...parseKafkaUrl(urls[account]) }));
  const admin = parseKafkaUrl(urls.admin);
  if (new Set([admin, ...places].map(({ prefix }) => prefix)).size > 1)
    throw new StoreError("invalid", "kafka", "The URLs name several prefixes.", "Name one in all URLs of .env.admin.");
  const all = new Map<string, readonly Right[]>();
  for (const { account, username } of places)
    if (username && username !== admin.username)
      all.set(username, [...new Set([...(all.get(username) ?? []), ...RIGHTS[account]])]);
  return all;
}

/** Gives an account these rights and no others, and waits until they hold. False where the cluster knows no rights. */
async function give(kafka: Kafka, user: string, rights: readonly Right[]): Promise<boolean> {
  try {
    for (const deadline = performance.now() + SETTLES; ; await sleep(20)) {
      const has = await rightsOf(kafka, user);
      const missing = rights.filter((right) => !has.includes(right));
      const surplus = has.filter((right) => !(rights as readonly string[]).includes(right));
      if (missing.length === 0 && surplus.length === 0) return true;
      if (performance.now() > deadline)
        throw new StoreError(
          "timeout",
          "kafka",
          `The rights of ${user} do not change.`,
          "See the server's log: npm run logs",
        );
      await kafka.ask(async (connection, client) => {
        const of = (right: string) => aclOf(client, kafka, user, right);
        if (missing.length > 0) await client.createAclsV3.api.async(connection, missing.map(of));
        if (surplus.length > 0) await client.deleteAclsV3.api.async(connection, surplus.map(of));
      });
    }
  } catch (error) {
    if (isWithoutRights(error)) return false;
    throw error;
  }
}

/** The names of an account's rights to our topics. */
const rightsOf = (kafka: Kafka, user: string): Promise<string[]> =>
  kafka.ask(async (connection, client) => {
    const { resources } = await client.describeAclsV3.api.async(connection, aclOf(client, kafka, user, "ANY"));
    const held = resources.flatMap(({ acls }) => acls.map(({ operation }) => operation));
    const named = Object.entries(client.AclOperations).filter(([, number]) => held.includes(number));
    return named.map(([name]) => name);
  });

const aclOf = (
  { AclOperations, AclPermissionTypes, ResourcePatternTypes, ResourceTypes }: typeof Client,
  { place }: Kafka,
  user: string,
  right: string,
): Client.Acl => ({
  resourceType: ResourceTypes.TOPIC,
  resourceName: `${place.prefix}.`,
  resourcePatternType: ResourcePatternTypes.PREFIXED,
  principal: `User:${user}`,
  host: "*",
  operation: AclOperations[right as keyof typeof AclOperations],
  permissionType: AclPermissionTypes.ALLOW,
});
