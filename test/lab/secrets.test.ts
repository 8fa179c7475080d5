import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, inject, it } from "vitest";
import { useClone } from "./clone.ts";
import { credentialsOf, formsOf } from "./credentials.ts";
import { run } from "./exec.ts";
import { withImages } from "./flags.ts";

// Every place where a generated credential could come to light, while a stack comes up, works and is exported. The same search must find a
// canary that is planted in each of these places, or it proves nothing.

const lab = inject("lab");
const STACK = "secrets";
const CANARY = "canaryQ7Zk2xWv9Lm4Tn8Rb3Yc6Hd1";
const clone = useClone([STACK]);
let credentials: string[] = [];
const places = new Map<string, string>();

/** Command lines of every process on the machine, again and again until stopped. */
function watchProcesses(): () => string {
  const seen = new Set<string>();
  const look = () => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        seen.add(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
      } catch {
        // ended meanwhile
      }
    }
  };
  const timer = setInterval(look, 20);
  return () => {
    clearInterval(timer);
    return [...seen].join("\n");
  };
}

beforeAll(async () => {
  const stop = watchProcesses();
  const stack = `--stack ${STACK}`;
  // With TLS, which brings a private key of the user's own beside the generated passwords, and has to work as well.
  const commands = [
    "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout key.pem -out cert.pem",
    `npm run init -- ${stack} --port auto ${withImages(lab)}`,
    `npm run init -- ${stack} --secret credentials.postgres.tlsCert < cert.pem`,
    `npm run init -- ${stack} --secret credentials.postgres.tlsKey < key.pem`,
    `npm run up -- ${stack} --set options.postgres.tls=true`,
    `npm run smoke -- ${stack}`,
    `npm run status -- --stack ${STACK}`,
    `npm run env -- --stack ${STACK}`,
    `npm run export compose -- --stack ${STACK}`,
    `npm run doctor -- --stack ${STACK}`,
    `node -e "setTimeout(() => {}, 300)" ${CANARY}`,
  ];
  let said = "";
  for (const command of commands) {
    const ran = await clone.run(command);
    expect(ran.code, `${command}\n${ran.stdout}${ran.stderr}`).toBe(0);
    said += ran.stdout + ran.stderr;
  }
  // A wrong password must not make the client say the right one.
  const wrong = await clone.run(`sed -i 's/@127/x@127/' .env.${STACK} && npm run smoke -- --stack ${STACK}`);
  expect(wrong.code).not.toBe(0);
  places.set("what commands print", said + wrong.stdout + wrong.stderr + CANARY);
  places.set("the process list", stop());
  // Of the certificate, which is public, nothing; of a key a line from its middle.
  const all = await credentialsOf(clone, STACK);
  credentials = all.flatMap((value) => (value.includes("BEGIN CERTIFICATE") ? [] : (value.split("\n")[5] ?? value)));
});

const containers = ["postgres", "redis", "minio"].map((product) => `agent-stores-${STACK}-${product}`);

it("collects state, inspect, logs and the compose file", async () => {
  writeFileSync(join(clone.folder, ".state", "canary"), CANARY);
  places.set(
    "Pulumi's state",
    (await run("grep", ["-r", "-h", "-a", "--exclude=passphrase", "", join(clone.folder, ".state")])).stdout,
  );
  places.set(
    "the settings file",
    `${readFileSync(join(clone.folder, "stacks", `Pulumi.${STACK}.yaml`), "utf8")}${CANARY}`,
  );
  const sibling = await run("docker", [
    "run",
    "-d",
    "--rm",
    "-e",
    `LEAK=${CANARY}`,
    "--entrypoint",
    "bash",
    lab.images.postgres ?? "",
    "-c",
    `echo ${CANARY}; sleep 30`,
  ]);
  const id = sibling.stdout.trim();
  const all = (await run("docker", ["ps", "-aq"])).stdout.trim().split("\n");
  places.set("docker inspect", (await run("docker", ["inspect", ...all])).stdout);
  places.set(
    "docker image history",
    `${(await run("docker", ["history", "--no-trunc", lab.images.postgres ?? ""])).stdout}${CANARY}`,
  );
  const logs = await Promise.all([...containers, id].map((name) => run("docker", ["logs", name])));
  places.set("container logs", logs.map(({ stdout, stderr }) => stdout + stderr).join("\n"));
  await run("docker", ["rm", "-f", id]);
  places.set(
    "the compose file",
    `${readFileSync(join(clone.folder, "docker-compose.backend-stores.yml"), "utf8")}# ${CANARY}\n`,
  );
});

it("finds the canary in every one of these places", () => {
  for (const [place, text] of places) expect(text.includes(CANARY), place).toBe(true);
  expect(places.size).toBe(8);
});

it("finds a credential in every form it could take", () => {
  const pair = Buffer.from(`postgres:${CANARY}@`).toString("base64");
  expect(formsOf(CANARY).some((form) => pair.includes(form))).toBe(true);
});

it("finds no generated credential anywhere", () => {
  expect(credentials).toHaveLength(10); // 4 of Postgres and its key, 3 of Redis, 2 of MinIO
  for (const [place, text] of places)
    for (const credential of credentials)
      for (const form of formsOf(credential)) expect(text.includes(form), place).toBe(false);
});

it("keeps .env and .env.admin to their owner", async () => {
  const { stdout } = await run("stat", [
    "-c",
    "%a",
    join(clone.folder, `.env.${STACK}`),
    join(clone.folder, `.env.${STACK}.admin`),
  ]);
  expect(stdout.trim().split("\n")).toEqual(["600", "600"]);
});
