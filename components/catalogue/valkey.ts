import { redisKind } from "./redis.ts";

export default redisKind({
  title: "Valkey",
  licence: "BSD-3-Clause",
  upkeep: { state: "maintained" },
  image: "docker.io/valkey/valkey:9.1.1",
  server: "valkey-server",
  cli: "valkey-cli",
});
