import { type At, MiB, type Product } from "../product.ts";
import type { Text } from "../secret.ts";
import { ACCESS_KEYS, goLimit, s3Budgets, s3Connections, s3Options } from "./minio.ts";

/** The server knows its accounts from a file: `app` sees its bucket and nothing else. */
function identities(at: At): Text {
  const { bucket } = at.options;
  const identity = (name: "root" | "app", actions: readonly string[]) => [
    `{"name":"${name}","credentials":[{"accessKey":"${ACCESS_KEYS[name]}","secretKey":"`,
    at.secret(name),
    `"}],"actions":${JSON.stringify(actions)}}`,
  ];
  const appActions = ["Read", "List", ...(at.frozen ? [] : ["Write", "Tagging"])].map(
    (action) => `${action}:${bucket}`,
  );
  const rootActions = ["Admin", "Read", "Write", "List", "Tagging"];
  return { join: ['{"identities":[', ...identity("root", rootActions), ",", ...identity("app", appActions), "]}"] };
}

/** Takes MinIO's place, with its port and credentials. One process runs all of its parts. */
export default {
  title: "SeaweedFS",
  licence: "Apache-2.0",
  upkeep: { state: "maintained" },
  roles: ["artifact"],
  freezes: "service",
  ...s3Connections({ listing: "folders" }),
  options: s3Options,
  container: {
    image: "docker.io/chrislusf/seaweedfs:4.44",
    ports: { api: { container: 8333, host: 9000 } },
    data: "/data",
    user: { uid: 1000, gid: 1000, any: true },
    credentials: ["root", "app"],
    credentialsOf: "minio",
    env: goLimit,
    args: () => [
      "server",
      "-dir=/data",
      // The address of a container changes.
      ...["-ip=localhost", "-ip.bind=0.0.0.0"],
      // The image asks for volumes of 1 GiB at once, seven of them for a first object.
      "-master.volumePreallocate=false",
      "-volume.preStopSeconds=1",
      ...["-s3", "-s3.port=8333", "-s3.config=/run/secrets/s3.json"],
    ],
    files: (at) => ({ "/run/secrets/s3.json": { content: identities(at) } }),
    probe: { http: { port: "api", path: "/status", by: "curl" } },
    stop: { signal: "SIGTERM", grace: 60 },
    startup: 120,
    budgets: s3Budgets,
    minimum: { memory: 128 * MiB },
  },
} satisfies Product;
