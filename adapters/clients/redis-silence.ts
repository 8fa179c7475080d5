import type { Redis } from "ioredis";

/** How often it looks in the time that a server may be silent. */
const LOOKS = 8;

/**
 * Ends the connection of a server that says nothing for `patience` milliseconds while answers are due, an eighth later at most. One timer looks now and then whether
 * anything came: setting one anew with every answer, as the client would, takes up to a tenth of a call.
 * @param due the connection on which answers are due now, if any
 * @returns what every call says when it begins
 */
export function silenceWatch(patience: number, due: () => Redis | undefined): () => void {
  let timer: NodeJS.Timeout | undefined;
  let watched: Redis | undefined;
  let heard = 0;
  let silent = 0;

  const look = () => {
    const redis = due();
    if (!redis) {
      clearInterval(timer);
      timer = undefined;
    }
    const { bytesRead } = redis?.stream ?? { bytesRead: 0 };
    silent = redis === watched && bytesRead === heard ? silent + 1 : 0;
    watched = redis;
    heard = bytesRead;
    if (silent >= LOOKS) redis?.stream.destroy(new Error(`Socket timeout: nothing came in ${patience} ms.`));
  };
  return () => {
    timer ??= setInterval(look, patience / LOOKS).unref();
  };
}
