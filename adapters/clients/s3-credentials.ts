import { StoreError } from "../errors.ts";

/** What the client asks before each request. */
export interface CredentialsSource {
  getCredentials(): Promise<{
    getAccessKey(): string;
    getSecretKey(): string;
    getSessionToken(): string | undefined;
  }>;
}

/**
 * AWS' default chain, for a URL that names no account: environment variables, shared files with their profiles, SSO, web identity, containers, instances. It keeps what it found until that expires.
 */
export async function defaultChain(): Promise<CredentialsSource> {
  const chain = (await loadChain()).fromNodeProviderChain();
  return {
    async getCredentials() {
      const { accessKeyId, secretAccessKey, sessionToken } = await chain().catch((cause) => {
        throw new StoreError(
          "denied",
          "s3",
          "The URL names no account, and AWS' default chain finds no credentials.",
          "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; or write s3://<access key>:<secret key>@host/…",
          cause,
        );
      });
      return {
        getAccessKey: () => accessKeyId,
        getSecretKey: () => secretAccessKey,
        getSessionToken: () => sessionToken,
      };
    },
  };
}

async function loadChain(): Promise<Pick<typeof import("@aws-sdk/credential-providers"), "fromNodeProviderChain">> {
  try {
    return await import("@aws-sdk/credential-providers");
  } catch (cause) {
    throw new StoreError(
      "missing-client",
      "s3",
      'The URL names no account, and the package "@aws-sdk/credential-providers" is not installed.',
      "Run: npm install @aws-sdk/credential-providers, or write s3://<access key>:<secret key>@host/…",
      cause,
    );
  }
}
