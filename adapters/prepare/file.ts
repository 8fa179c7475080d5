import { makeStoreFolder } from "../artifact/file.ts";
import type { PrepareProduct } from "./contract.ts";

/** A folder needs to be there, and nothing else. */
const prepareProduct: PrepareProduct = {
  async prepare(urls) {
    await makeStoreFolder(urls.app);
    return { roles: [], migrations: 0, applied: [] };
  },
  async pending() {
    return [];
  },
  async migrate() {
    return [];
  },
};
export default prepareProduct;
