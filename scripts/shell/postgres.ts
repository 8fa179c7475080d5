import { row } from "../../components/catalogue/index.ts";
import type { Shell } from "./contract.ts";

/** psql over the container's local socket. */
const shell: Shell = (at) => {
  const { username, password, pathname } = new URL(at.url);
  const [user, database] = [username, pathname.slice(1)].map(decodeURIComponent);
  const program = row(at.service.product).container?.cli ?? "psql";
  const note = "-- One tenant at a time: set app.tenant = 'acme';   Everything: npm run shell -- --admin postgres\n";
  if (at.account === "app" && at.words.length === 0 && process.stdin.isTTY) process.stderr.write(note);
  return at.inside([program, "-U", `${user}`, "-d", `${database}`, ...at.words], {
    PGPASSWORD: decodeURIComponent(password),
    // Its home is the data folder, where nothing of ours belongs.
    PSQL_HISTORY: "/dev/null",
  });
};
export default shell;
