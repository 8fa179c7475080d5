import type { Bucket } from "../clients/bucket.ts";
import { openBucket } from "../clients/buckets.ts";
import { schemeOf } from "../env.ts";
import { StoreError } from "../errors.ts";
import { proveWork } from "./bucket.ts";
import type { PrepareProduct } from "./contract.ts";

/** Makes the bucket where there is none, and proves what the application's account can do. Accounts and their rights are the cloud's own. */
const prepareProduct: PrepareProduct = {
  async prepare(urls) {
    const name = schemeOf(urls.app).slice(0, -1);
    const [admin, app] = [openBucket(urls.admin), openBucket(urls.app)];
    try {
      if (admin.at.bucket !== app.at.bucket)
        throw new StoreError(
          "invalid",
          name,
          `The admin URL names bucket "${admin.at.bucket}", the app's "${app.at.bucket}".`,
          "Name one bucket in all URLs of .env.admin.",
        );
      // Whoever may do all with objects need not have a right to make buckets, or to ask whether there is one.
      await admin.health().catch(async (error: StoreError) => {
        if (error.code !== "unprepared") throw error;
        await admin.make();
      });
      if (await keepsFolders(admin))
        throw new StoreError(
          "unsupported",
          name,
          `Bucket "${app.at.bucket}" has a hierarchical namespace: where \`a/b\` is, \`a\` cannot be.`,
          "Name a bucket or an account without one.",
        );
      await proveWork(app, name);
      return { roles: [], migrations: 0, applied: [] };
    } finally {
      admin.close();
      app.close();
    }
  },
  async pending(urls) {
    openBucket(urls.app ?? urls.owner).close();
    return [];
  },
  async migrate(urls) {
    openBucket(urls.app ?? urls.owner).close();
    return [];
  },
};
export default prepareProduct;

/** False where the account has no right to know: it is its owner's to see to it then. */
async function keepsFolders(bucket: Bucket): Promise<boolean> {
  try {
    return (await bucket.keepsFolders?.()) ?? false;
  } catch (error) {
    if (error instanceof StoreError && error.code === "denied") return false;
    throw error;
  }
}
