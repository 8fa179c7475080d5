import { StoreError } from "../errors.ts";

/** A client's package, which is installed only where its protocol is used. Throws `StoreError` code `missing-client`, with what to type. */
export async function optional<T>(store: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new StoreError(
      "missing-client",
      store,
      `The client "${name}" is not installed.`,
      `Run: npm install ${name}`,
      cause,
    );
  }
}
