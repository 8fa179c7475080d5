import { openArtifact } from "../../adapters/artifact/index.ts";
import { StoreError } from "../../adapters/errors.ts";
import { variablePrefix } from "../../components/connections.ts";
import { Failure } from "../terminal/report.ts";
import type { Shell, ShellAt } from "./contract.ts";
import { complain, readLines } from "./lines.ts";
import { COMMANDS, helpText, type Listing, type WordsOf } from "./listing.ts";
import { splitLine } from "./words.ts";

/** A listing shell over the store that programs use: what it writes and removes has its hash and its place in the index. */
const shell: Shell = async (at) => {
  const listing = open(at);
  try {
    if (at.words.length > 0) {
      await act(listing, at.words);
      return 0;
    }
    if (process.stdin.isTTY) console.log("Artifacts as <tenant>/<path>. Type help for the commands, exit to leave.");
    const failed = await readLines(
      () => `${at.service.product}> `,
      async (line) => {
        const words = splitLine(line);
        if (!words) throw new Failure("a quotation mark is not closed", "");
        if (words[0] === "exit" || words[0] === "quit") return "exit";
        if (words.length > 0) await act(listing, words);
        return undefined;
      },
      complain,
    );
    return failed && !process.stdin.isTTY ? 1 : 0;
  } finally {
    await Promise.all([listing.store.close(), listing.across.close()]);
  }
};
export default shell;

/** Two accounts: a tenant's artifacts and their index are read and written as programs do, and the list of tenants is of the fleet's. */
function open({ service, url, env, adminEnv }: ShellAt): Listing {
  const fleet = adminEnv[`${variablePrefix(service.product)}_FLEET_URL`] ?? url;
  return {
    store: openArtifact(url, env.ARTIFACT_INDEX_URL || undefined),
    across: openArtifact(fleet, adminEnv.ARTIFACT_INDEX_URL || undefined),
    url,
    write: (text) => process.stdout.write(text),
  };
}

async function act(listing: Listing, [name = "", ...rest]: readonly string[]): Promise<void> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (name === "help") return void listing.write(helpText());
  if (!command)
    throw new Failure(
      `there is no command ${JSON.stringify(name)}`,
      `Its commands: ${Object.keys(COMMANDS).join(" ")} help exit`,
    );
  try {
    await command.run(listing, wordsOf(name, rest));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EPIPE") return; // who read it has seen enough
    if (error instanceof Failure || error instanceof StoreError) throw error;
    throw new Failure(error instanceof Error ? error.message : String(error), `Type: ${name} ${command.takes}`, error);
  }
}

function wordsOf(name: string, words: readonly string[]): WordsOf {
  const options = words.filter((word) => /^-[a-z]+$/i.test(word)).flatMap((word) => [...word.slice(1)]);
  const rest = words.filter((word) => !/^-[a-z]+$/i.test(word));
  const command = COMMANDS[name];
  const unknown = options.find((option) => !command?.options?.includes(option));
  const [least, most] = command?.count ?? [0, 0];
  if (unknown || rest.length < least || rest.length > most)
    throw new Failure(
      unknown ? `${name} has no option -${unknown}` : `${name} takes ${command?.takes || "nothing"}`,
      `Type: ${name} ${command?.takes ?? ""}`,
    );
  return { options, rest };
}
