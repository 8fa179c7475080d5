import { spawn } from "node:child_process";

/**
 * Runs a program inside a container with this terminal, if there is one, and resolves to its exit code. The variables of `env` reach it through the
 * environment of docker's client: no password is in an argument of any process.
 */
export async function execInside(
  host: string,
  container: string,
  program: readonly string[],
  env: Record<string, string>,
): Promise<number> {
  const terminal = process.stdin.isTTY && process.stdout.isTTY;
  const words = ["--host", host, "exec", "-i", ...(terminal ? ["-t"] : [])];
  for (const name of Object.keys(env)) words.push("-e", name);
  const child = spawn("docker", [...words, container, ...program], {
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  // An interrupt is for the program inside: it reaches docker's client too, which is in the same group.
  const leave = () => {};
  process.on("SIGINT", leave);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve(code ?? (signal ? 130 : 1)));
    });
  } finally {
    process.off("SIGINT", leave);
  }
}
