import { StoreError } from "../errors.ts";
import type { AzblobPlace } from "./azblob-url.ts";
import { optional } from "./optional.ts";

/** What an account is proven with: its key, a signature that somebody made with it, or a token of Entra ID. */
export type AzblobSecret = { kind: "key"; key: string } | { kind: "signature"; sasToken: string } | { kind: "token" };

/** That of the URL, else of AZURE_STORAGE_CONNECTION_STRING where that names the same account, else what Azure's default chain finds. */
export function secretOf({ account, key, sasToken }: AzblobPlace): AzblobSecret {
  if (key) return { kind: "key", key };
  if (sasToken) return { kind: "signature", sasToken };
  const said = new Map(
    (process.env.AZURE_STORAGE_CONNECTION_STRING ?? "").split(";").map((part) => {
      const at = part.indexOf("=");
      return [part.slice(0, at), part.slice(at + 1)] as const;
    }),
  );
  const named = said.get("AccountName") ?? URL.parse(said.get("BlobEndpoint") ?? "")?.hostname.split(".")[0];
  const [ofKey, ofSignature] = [said.get("AccountKey"), said.get("SharedAccessSignature")];
  if (named === account && ofKey) return { kind: "key", key: ofKey };
  if (named === account && ofSignature) return { kind: "signature", sasToken: ofSignature.replace(/^\?/, "") };
  return { kind: "token" };
}

/** Azure's default chain: environment, workload identity, managed identity, and whom this machine's Azure tools are signed in as. It keeps a token until that expires. */
export async function defaultChain() {
  const { DefaultAzureCredential } = await optional("azblob", "@azure/identity", () => import("@azure/identity"));
  const chain = new DefaultAzureCredential({ retryOptions: { maxRetries: 0 } });
  return {
    getToken: (...asked: Parameters<typeof chain.getToken>) =>
      chain.getToken(...asked).catch((cause) => {
        throw new StoreError(
          "denied",
          "azblob",
          "The URL has no key, and Azure's default chain finds no credentials.",
          "Set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, or type: az login; or write azblob://<account>:<key>@…",
          cause,
        );
      }),
  };
}
