import * as pulumi from "@pulumi/pulumi";
import { fill, type SecretRef, secretsIn, type Text, written } from "./secret.ts";

export type Resolve = (text: Text) => pulumi.Input<string>;

/** Turns text with credentials into a secret output. */
export function resolver(credentials: pulumi.Input<Record<string, string>>): Resolve {
  const known = pulumi.secret(credentials);
  return (text) =>
    secretsIn(text).length === 0
      ? fill(text, ({ secret }) => secret)
      : known.apply((values) => fill(text, (ref) => credential(ref, values)));
}

function credential({ secret, as }: SecretRef, values: Record<string, string>): string {
  const value = values[secret];
  if (value === undefined) throw new pulumi.RunError(`The credential ${secret} is missing. Type: npm run init`);
  return written(value, as);
}
