import { randomUUID } from "node:crypto";
import { canonical } from "../canonical.ts";
import { MinioAdmin } from "../clients/minio-admin.ts";
import { S3Bucket } from "../clients/s3.ts";
import { parseS3Url, type S3Place } from "../clients/s3-url.ts";
import { StoreError } from "../errors.ts";
import { isPlain } from "../input.ts";
import { proveWork } from "./bucket.ts";
import type { PrepareProduct } from "./contract.ts";

/** Makes the bucket, and the account of the application where the server has a way for it; then proves what that account can and cannot do. */
const prepareProduct: PrepareProduct = {
  async prepare(urls, { frozen }) {
    const writable = frozen.length === 0;
    const [admin, app] = [new S3Bucket(urls.admin), new S3Bucket(urls.app)];
    try {
      if (admin.at.bucket !== app.at.bucket)
        throw new StoreError(
          "invalid",
          "s3",
          `The admin URL names bucket "${admin.at.bucket}", the app's "${app.at.bucket}".`,
          "Name one bucket in all URLs of .env.admin.",
        );
      await admin.make();
      const server = admin.at.accessKey === app.at.accessKey ? null : admin.at.accounts;
      if (server) await ensureAccount(new MinioAdmin(admin.at, server), app, writable);
      if (writable) await proveWork(app, "s3");
      if (server) await proveLimits(app, new MinioAdmin(app.at, server));
      return { roles: app.at.accessKey ? [app.at.accessKey] : [], migrations: 0, applied: [] };
    } finally {
      admin.close();
      app.close();
    }
  },
  async pending(urls) {
    parseS3Url(urls.app ?? urls.owner);
    return [];
  },
  async migrate(urls) {
    parseS3Url(urls.app ?? urls.owner);
    return [];
  },
};
export default prepareProduct;

/** Everything with the bucket's objects, or reading them, and nothing else. */
const policyOf = (bucket: string, writable: boolean) => ({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Action: ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
      Resource: [`arn:aws:s3:::${bucket}`],
    },
    {
      Effect: "Allow",
      Action: [
        "s3:GetObject",
        "s3:ListMultipartUploadParts",
        ...(writable ? ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"] : []),
      ],
      Resource: [`arn:aws:s3:::${bucket}/*`],
    },
  ],
});

/** Writes only what is missing or different: the server's accounts are in its own store, and each write of them is on its disk. */
async function ensureAccount(admin: MinioAdmin, app: S3Bucket, writable: boolean): Promise<void> {
  const { accessKey, secretKey, bucket } = app.at;
  const name = `agent-stores-${bucket}`;
  const policy = policyOf(bucket, writable);
  if (meaning(await admin.policy(name)) !== meaning(policy)) await admin.putPolicy(name, policy);
  const user = await admin.user(accessKey);
  if (user?.status !== "enabled" || !(await logsIn(app))) await admin.putUser(accessKey, secretKey);
  if (user?.policyName !== name) await admin.setPolicy(accessKey, name);
}

/** The server gives lists back in an order of its own, and one entry as itself. */
function meaning(policy: unknown): string {
  if (!isPlain(policy) || !Array.isArray(policy.Statement)) return "";
  const list = (value: unknown) => [value].flat().sort();
  const statements = policy.Statement.filter(isPlain).map((one) =>
    canonical({ Effect: one.Effect, Action: list(one.Action), Resource: list(one.Resource), Condition: one.Condition }),
  );
  return statements.sort().join("\n");
}

/** Whether the server knows the account by this secret key, whatever its rights are. */
async function logsIn(app: S3Bucket): Promise<boolean> {
  try {
    await app.buckets();
    return true;
  } catch (error) {
    const { code } = ((error as StoreError).cause ?? {}) as { code?: string };
    if (code === "AccessDenied") return true;
    if (error instanceof StoreError && error.code === "denied") return false;
    throw error;
  }
}

/** The account must not see accounts or other buckets. */
async function proveLimits(app: S3Bucket, accounts: MinioAdmin): Promise<void> {
  const { bucket, accessKey } = app.at;
  const loose: string[] = [];
  const others = (await app.buckets()).filter((name) => name !== bucket);
  if (others.length > 0) loose.push(`bucket ${others[0]}`);
  if (await accounts.seesUsers()) loose.push("the server's accounts");
  if (await reads(app.at)) loose.push("any bucket");
  if (loose.length === 0) return;
  throw new StoreError(
    "denied",
    "s3",
    `Account "${accessKey}" sees ${loose.join(" and ")}, which is too much.`,
    `Take its other policies away, or name another account in .env.admin.`,
  );
}

/** Refused as a bucket that it has no right to, before the server says whether there is one. */
async function reads(at: S3Place): Promise<boolean> {
  const url = new URL(`s3://${at.host.includes(":") ? `[${at.host}]` : at.host}:${at.port}/not-${randomUUID()}`);
  url.username = encodeURIComponent(at.accessKey);
  url.password = encodeURIComponent(at.secretKey);
  url.search = `?tls=${at.tls}&region=${at.region}&timeout=${at.timeout}`;
  const other = new S3Bucket(url.href);
  try {
    await other.text("probe");
    return true;
  } catch (error) {
    return !(error instanceof StoreError && error.code === "denied");
  } finally {
    other.close();
  }
}
