import { byCodePoint } from "../order.ts";
import type { BucketObject } from "./bucket.ts";

/** Where an order of UTF-16 units differs from that of code points: at the first unit that is a surrogate, or comes after them. */
const DIFFERS = /[\ud800-\uffff]/;

/**
 * A listing in order of code points, whether the server's is that or one of UTF-16 units, which puts U+1F6B2 before U+FFEE. What may have to change places is held back: keys that are the same up to
 * such a unit, and nothing of names without them.
 */
export async function* inOrder(objects: AsyncIterable<BucketObject>): AsyncGenerator<BucketObject> {
  let held: BucketObject[] = [];
  let before = "";
  for await (const object of objects) {
    const at = object.key.search(DIFFERS);
    if (held.length > 0 && !(object.key.startsWith(before) && DIFFERS.test(object.key.charAt(before.length)))) {
      yield* held.sort((one, other) => byCodePoint(one.key, other.key));
      held = [];
    }
    if (held.length === 0) before = object.key.slice(0, at);
    if (at < 0) yield object;
    else held.push(object);
  }
  yield* held.sort((one, other) => byCodePoint(one.key, other.key));
}
