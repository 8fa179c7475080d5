import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { useClone } from "./clone.ts";
import { labelled } from "./docker.ts";
import { run } from "./exec.ts";
import { postgresAlone } from "./flags.ts";

// What a user gets wrong, and what a machine does to them: one clear message with its mend, an exit code, nothing half-made, and an `up`
// afterwards that works.

const lab = inject("lab");
const PORT = 18_433;
const TAKEN = 18_999;
const STACK = "faults";
const clone = useClone([STACK]);
let up: string;

beforeAll(async () => {
  up = `npm run up -- --stack ${STACK} --port postgres=${PORT}`;
  const first = await clone.run(`${up} ${postgresAlone(lab, PORT)}`);
  expect(first.code, first.stdout + first.stderr).toBe(0);
});
/** The process that is at work on the stack. */
const lockHolder = (): number =>
  JSON.parse(readFileSync(join(clone.folder, ".state", `${STACK}.lock`), "utf8")).pid as number;

/** Everything a command could have changed, as one text: containers, volumes, networks, state, settings, `.env`. */
async function everything(): Promise<string> {
  const engine = await Promise.all((["container", "volume", "network"] as const).map((kind) => labelled(kind, STACK)));
  const ids = await run("docker", [
    "ps",
    "-a",
    "--no-trunc",
    "--filter",
    `label=agent-stores.stack=${STACK}`,
    "--format",
    "{{.ID}} {{.Image}} {{.State}}",
  ]);
  const files = [`.env.${STACK}`, `.env.${STACK}.admin`, "stacks", ".state/.pulumi/stacks"].flatMap((path) =>
    filesBelow(join(clone.folder, path)),
  );
  const hashes = files.map((path) => `${path} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`);
  return [...engine.map((names) => names.join(" ")), ids.stdout, ...hashes].join("\n");
}

function filesBelow(path: string): string[] {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path).flatMap((name) => filesBelow(join(path, name)));
}

interface Fault {
  name: string;
  command: () => string;
  env?: Record<string, string>;
  says: RegExp;
  mend: RegExp;
  before?: () => unknown;
  after?: () => unknown;
}

let listener: Server | undefined;
const original = { env: "" };
afterEach(() => listener?.close());

const faults: Fault[] = [
  {
    name: "a taken port",
    command: () => `npm run up -- --stack ${STACK} --port postgres=${TAKEN}`,
    says: new RegExp(`port ${TAKEN} is held by .*pid ${process.pid}`),
    mend: /npm run up -- --stack faults --port postgres=\d+/,
    before: () => new Promise<void>((resolve) => (listener = createServer().listen(TAKEN, "127.0.0.1", resolve))),
  },
  {
    name: "a dead engine",
    command: () => up,
    env: { DOCKER_HOST: "unix:///tmp/nobody-listens.sock" },
    says: /the container engine at unix:\/\/\/tmp\/nobody-listens.sock does not answer/,
    mend: /Start it: /,
  },
  {
    name: "no engine although docker is chosen",
    // A mount namespace of its own without the engine's socket, and a PATH without docker.
    command: () =>
      `unshare --mount sh -c 'mount -t tmpfs none /run && PATH=${clone.pathWithout(["docker", "dockerd"])} ${up}'`,
    says: /no container engine is installed/,
    mend: /npm run up -- --stack faults --target embedded/,
  },
  {
    name: "a missing image",
    command: () => `${up} --set images.postgres=agent-stores-lab/none:1`,
    says: /the image agent-stores-lab\/none:1 is not here and cannot be pulled/,
    mend: /--set images.postgres=/,
  },
  {
    name: "a budget of 10 MB",
    command: () => `${up} --set budgets.postgres.memory=10MB`,
    says: /budgets.postgres.memory: postgres does not start with so little memory/,
    mend: /at least 128MiB/,
  },
  {
    name: "more memory than the engine has",
    command: () => `${up} --set budgets.postgres.memory=900GiB`,
    says: /900 GiB of .* planned/,
    mend: /budgets.postgres.memory=/,
  },
  {
    name: "an unknown product",
    command: () => `${up} --set vector=qdrannt`,
    says: /no product "qdrannt"/,
    mend: /Use one of: .*postgres/,
  },
  {
    name: "an unknown key",
    command: () => `${up} --set vectr=postgres`,
    says: /vectr: unknown key/,
    mend: /Did you mean vector\?/,
  },
  { name: "an unknown option", command: () => `${up} --prot 5`, says: /unknown option '--prot'/, mend: /--help/ },
  {
    name: "a corrupt .env",
    command: () => up,
    says: /\.env\.faults has broken markers/,
    mend: /Delete the marker lines/,
    before: () => {
      original.env = readFileSync(join(clone.folder, `.env.${STACK}`), "utf8");
      writeFileSync(join(clone.folder, `.env.${STACK}`), original.env.replace(/# <<< agent-stores\n/, ""));
    },
    after: () => writeFileSync(join(clone.folder, `.env.${STACK}`), original.env),
  },
  {
    name: "a passphrase that was lost",
    command: () => `${up} --set options.postgres.maxConnections=50`,
    says: /passphrase/,
    mend: /encryptionsalt/,
    before: () => {
      original.env = readFileSync(join(clone.folder, ".state", "passphrase"), "utf8");
      writeFileSync(join(clone.folder, ".state", "passphrase"), "another");
    },
    after: () => writeFileSync(join(clone.folder, ".state", "passphrase"), original.env),
  },
  {
    name: "settings that are no YAML",
    command: () => up,
    says: /Pulumi.faults.yaml is no YAML/,
    mend: /Mend that line/,
    before: () => {
      original.env = readFileSync(join(clone.folder, "stacks", `Pulumi.${STACK}.yaml`), "utf8");
      writeFileSync(join(clone.folder, "stacks", `Pulumi.${STACK}.yaml`), `${original.env}\n  : : [`);
    },
    after: () => writeFileSync(join(clone.folder, "stacks", `Pulumi.${STACK}.yaml`), original.env),
  },
];

describe("a command that cannot do what it was asked", () => {
  it.each(faults)(
    "$name: says so, how to mend it, and changes nothing",
    async ({ command, env = {}, says, mend, before, after }) => {
      await before?.();
      const state = await everything();
      const ran = await clone.run(command(), { env });
      const now = await everything();
      await after?.();
      const said = ran.stdout + ran.stderr;
      expect(ran.code, said).not.toBe(0);
      expect(said).toMatch(says);
      expect(said).toMatch(mend);
      expect(said, "a stack trace").not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
      expect(now).toBe(state);
    },
  );

  it("leaves an up that works", async () => {
    const ran = await clone.run(up);
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    expect(ran.stdout).toContain("no change");
  });
});

describe("an up that was killed", () => {
  it.each([1200, 5000])("after %i ms, from nothing: the next one works", async (milliseconds) => {
    await clone.run(`npm run reset -- --yes --stack ${STACK}`);
    const command = `${up} ${postgresAlone(lab, PORT)}`;
    const killed = await clone.run(command, { timeout: milliseconds });
    expect(killed.code).not.toBe(0);
    const next = await clone.run(command);
    expect(next.code, next.stdout + next.stderr).toBe(0);
    expect(await labelled("container", STACK)).toEqual(["agent-stores-faults-postgres"]);
  });

  it("two at once: one works, the other says who is at work", async () => {
    const first = clone.run(up);
    const pid = await vi.waitFor(lockHolder, { timeout: 60_000, interval: 20 });
    process.kill(pid, "SIGSTOP"); // however busy the machine is, it is at work when the other comes
    const other = await clone.run(up).finally(() => process.kill(pid, "SIGCONT"));
    const one = await first;
    expect(one.code, one.stdout + one.stderr).toBe(0);
    expect(other.code).not.toBe(0);
    expect(other.stdout + other.stderr).toMatch(/npm run up \(pid \d+\) is at work on this stack/);
  });
});

describe("the embedded folder", () => {
  const HOLD = `import { openStores } from "./adapters/index.ts"; import { parseEnv } from "node:util"; import { readFileSync } from "node:fs";
    const stores = openStores(parseEnv(readFileSync(".env.emb", "utf8"))); await stores.tenant("holder").vector.count(); console.log("held");
    setTimeout(() => {}, 60000);`;

  it("is refused to a second process, by name, and works again when the first is gone", async () => {
    const made = await clone.run("npm run up -- --stack emb --target embedded");
    expect(made.code, made.stdout + made.stderr).toBe(0);
    const holder = clone.start(`node --input-type=module-typescript -e '${HOLD}'`);
    await holder.says("held");
    const ran = await clone.run("npm run smoke -- --stack emb");
    expect(ran.code).not.toBe(0);
    expect(ran.stdout + ran.stderr).toMatch(/another process|in use|held/i);
    expect(ran.stdout + ran.stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
    await holder.kill();
    const again = await clone.run("npm run up -- --stack emb");
    expect(again.code, again.stdout + again.stderr).toBe(0);
    await clone.run("npm run reset -- --yes --stack emb");
    rmSync(join(clone.folder, ".env.emb"), { force: true });
  });
});
