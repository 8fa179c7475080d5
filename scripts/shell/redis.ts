import { row } from "../../components/catalogue/index.ts";
import type { Shell } from "./contract.ts";

/** The product's own client of the Redis protocol; all of its kind read the same variables. */
const shell: Shell = (at) => {
  const { username, password } = new URL(at.url);
  const program = row(at.service.product).container?.cli ?? "redis-cli";
  return at.inside([program, "--user", decodeURIComponent(username), ...at.words], {
    REDISCLI_AUTH: decodeURIComponent(password),
    REDISCLI_HISTFILE: "/dev/null",
    VALKEYCLI_HISTFILE: "/dev/null",
  });
};
export default shell;
