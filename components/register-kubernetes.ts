import { hash } from "node:crypto";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type Digest, isDigest, renderKubernetes } from "./kubernetes.ts";
import type { Plan } from "./plan.ts";
import type { Resolve } from "./resolve.ts";
import { isSecretRef, type Text } from "./secret.ts";

/** The classes of what a plan renders to. */
const KINDS: Record<
  string,
  new (
    name: string,
    args: never,
    opts?: pulumi.CustomResourceOptions,
  ) => pulumi.CustomResource
> = {
  ConfigMap: kubernetes.core.v1.ConfigMap,
  NetworkPolicy: kubernetes.networking.v1.NetworkPolicy,
  PodDisruptionBudget: kubernetes.policy.v1.PodDisruptionBudget,
  ResourceQuota: kubernetes.core.v1.ResourceQuota,
  Secret: kubernetes.core.v1.Secret,
  Service: kubernetes.core.v1.Service,
  StatefulSet: kubernetes.apps.v1.StatefulSet,
};

/** Registers what a plan is on Kubernetes, below `parent`. Its namespace is there already. Resolves to the servers, which count as made when they are ready. */
export function registerObjects(
  parent: pulumi.Resource,
  name: string,
  plan: Plan,
  text: Resolve,
): pulumi.CustomResource[] {
  const servers: pulumi.CustomResource[] = [];
  const before: pulumi.CustomResource[] = [];
  for (const manifest of renderKubernetes(plan).objects) {
    const Kind = KINDS[manifest.kind];
    if (!Kind) throw new Error(`no class for the kind ${manifest.kind}`);
    const isServer = manifest.kind === "StatefulSet";
    const resource = new Kind(
      `${name}-${manifest.kind.toLowerCase()}-${manifest.metadata.name}`,
      resolved(manifest, text) as never,
      {
        parent,
        // A pod whose files or quota are not there yet is tried again, seconds later.
        ...(isServer && { dependsOn: before.slice() }),
        // Names are fixed: two of one name cannot be there at once.
        deleteBeforeReplace: true,
      },
    );
    (isServer ? servers : before).push(resource);
  }
  return servers;
}

/** The object with its credentials, as secret outputs, and with the digests of what its pods read. */
function resolved(value: unknown, text: Resolve): unknown {
  if (isText(value)) return text(value);
  if (isDigest(value)) return digest(value, text);
  if (Array.isArray(value)) return value.map((one) => resolved(one, text));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, resolved(one, text)]));
}

const isText = (value: unknown): value is Exclude<Text, string> =>
  isSecretRef(value) || (typeof value === "object" && value !== null && "join" in value && Array.isArray(value.join));

/** No secret: nobody finds 190 random bits by their hash, and a secret would hide the whole object in every preview. */
const digest = ({ digestOf }: Digest, text: Resolve) =>
  pulumi.unsecret(pulumi.all(digestOf.map(text)).apply((texts) => hash("sha256", JSON.stringify(texts)).slice(0, 16)));
