import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { Failure } from "../terminal/report.ts";
import { pulumiEnvironment } from "./pulumi.ts";

/**
 * Encrypts values as the Pulumi CLI does for a stack with a passphrase (sdk/go/common/resource/config/crypt.go, "v1"): one `pulumi config set` for each takes
 * most of a second. `salt` is the stack's `encryptionsalt`, which holds a known word by which a wrong passphrase shows.
 */
export async function encryptWith(salt: string, values: readonly string[]): Promise<string[]> {
  const [version, saltBytes = "", ...known] = salt.split(":");
  if (version !== "v1")
    throw new Failure(`the stack's encryptionsalt is of version ${version}`, "Update agent-stores.");
  const key = await promisify(pbkdf2)(passphrase(), Buffer.from(saltBytes, "base64"), 1_000_000, 32, "sha256");
  if (decrypt(key, known.join(":")) !== "pulumi")
    throw new Failure(
      "the passphrase does not open the stack's secrets",
      "Put the one back that they were written with: .state/passphrase, or PULUMI_CONFIG_PASSPHRASE.",
    );
  return values.map((value) => encrypt(key, value));
}

/** As the CLI looks for it: the variable, then the file that another variable names. */
function passphrase(): string {
  const environment = { ...process.env, ...pulumiEnvironment() };
  if (environment.PULUMI_CONFIG_PASSPHRASE !== undefined) return environment.PULUMI_CONFIG_PASSPHRASE;
  return readFileSync(environment.PULUMI_CONFIG_PASSPHRASE_FILE ?? "", "utf8").trim();
}

function encrypt(key: Buffer, value: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const sealed = Buffer.concat([cipher.update(value, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `v1:${nonce.toString("base64")}:${sealed.toString("base64")}`;
}

function decrypt(key: Buffer, text: string): string | undefined {
  const [, nonce = "", sealed = ""] = text.split(":");
  const bytes = Buffer.from(sealed, "base64");
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"));
    decipher.setAuthTag(bytes.subarray(-16));
    return decipher.update(bytes.subarray(0, -16), undefined, "utf8") + decipher.final("utf8");
  } catch {
    return undefined; // another key
  }
}
