import { createInterface } from "node:readline";

/**
 * Gives every line of standard input to `act`, one after another, with a prompt and history on a terminal. Ends with the input, or when `act` resolves to `"exit"`. A line that
 * fails is told to `failed`; resolves to whether one did.
 */
export async function readLines(
  prompt: () => string,
  act: (line: string) => Promise<"exit" | undefined>,
  failed: (error: unknown) => void,
): Promise<boolean> {
  const terminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const input = createInterface({ input: process.stdin, output: terminal ? process.stdout : undefined, terminal });
  const ask = () => {
    if (!terminal) return;
    input.setPrompt(prompt());
    input.prompt();
  };
  let anyFailed = false;
  // Ctrl-C gives a line up, as in other shells; the end of the input leaves.
  input.on("SIGINT", () => {
    process.stdout.write("^C\n");
    input.write(null, { ctrl: true, name: "u" });
    ask();
  });
  ask();
  for await (const line of input) {
    const end = await act(line).catch((error) => {
      anyFailed = true;
      failed(error);
    });
    if (end === "exit") break;
    ask();
  }
  input.close();
  return anyFailed;
}

/** Tells a fault as psql does: on a line of standard error, and on it goes. */
export const complain = (error: unknown): void =>
  console.error(`✖ ${error instanceof Error ? error.message : String(error)}`);
