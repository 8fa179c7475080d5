import { redisKind } from "./redis.ts";

export default redisKind({
  title: "KeyDB",
  licence: "BSD-3-Clause",
  upkeep: { state: "legacy", why: "its last release is of October 2023", instead: "valkey" },
  image: "docker.io/eqalpha/keydb:x86_64_v6.3.4",
  server: "keydb-server",
  cli: "keydb-cli",
  old: true,
});
