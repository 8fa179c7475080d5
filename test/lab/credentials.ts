import { join } from "node:path";
import type { FileClone } from "./clone.ts";

/** Every credential that init generated for a stack of this checkout, in the clear. */
export async function credentialsOf(clone: FileClone, stack = "local"): Promise<string[]> {
  const { code, stdout, stderr } = await clone.run(`pulumi config get agent-stores:credentials --stack ${stack}`, {
    env: { PULUMI_CONFIG_PASSPHRASE_FILE: join(clone.folder, ".state", "passphrase") },
  });
  if (code !== 0) throw new Error(stderr);
  const found = Object.values(JSON.parse(stdout) as Record<string, Record<string, string>>).flatMap((values) =>
    Object.values(values),
  );
  if (found.length === 0) throw new Error("the stack has no credentials");
  return found;
}

/** The forms in which a credential could leak: as it is, base64 of it alone or within a pair, and URL-encoded. */
export const formsOf = (credential: string): string[] => [
  credential,
  Buffer.from(credential).toString("base64").replace(/=+$/, ""),
  // Base64 of a text that holds it at another offset keeps all but its first and last letters.
  ...[1, 2].map((offset) =>
    Buffer.from("x".repeat(offset) + credential)
      .toString("base64")
      .slice(4, -4),
  ),
  encodeURIComponent(credential),
];
