import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { useClone } from "./clone.ts";
import { inspect, whileFrozen } from "./docker.ts";
import { run } from "./exec.ts";
import { withImages } from "./flags.ts";
import { commandLines, objects, type Status, until } from "./operator.ts";

// What an operator asks of a running stack: its shells, its logs, its figures, and what they say when something is wrong.

const lab = inject("lab");
const STACK = "operate";
const clone = useClone([STACK]);

beforeAll(async () => {
  const up = await clone.run(`npm run up -- --stack ${STACK} --port auto ${withImages(lab)}`);
  expect(up.code, up.stdout + up.stderr).toBe(0);
});
const container = (product: string) => `agent-stores-${STACK}-${product}`;
const command = (name: string, words: string) => `npm run --silent ${name} -- --stack ${STACK} ${words}`;
const shell = (words: string, input?: string) => clone.run(command("shell", words), { input });

/** What a shell says, when it says that all went well. */
async function answer(words: string): Promise<string> {
  const ran = await shell(words);
  expect(ran.code, ran.stderr).toBe(0);
  return ran.stdout.trim();
}

/** One product's object of `npm run status --json`. */
async function statusOf(product: string): Promise<Status> {
  const { stdout } = await clone.run(command("status", "--json --all"));
  const found = objects(stdout).find((one) => one.product === product);
  if (!found) throw new Error(`no ${product} in ${stdout}`);
  return found;
}

/** Every password of the stack. */
const passwords = () =>
  Object.values(parseEnv(readFileSync(join(clone.folder, `.env.${STACK}.admin`), "utf8"))).flatMap((value = "") =>
    URL.canParse(value) ? decodeURIComponent(new URL(value).password) || [] : [],
  );

describe("shell", () => {
  it("is psql as the application, or as the superuser", async () => {
    expect(await answer("postgres -Atc 'select current_user'")).toBe("agent_core");
    expect(await answer("--admin postgres -Atc 'select current_user'")).toBe("postgres");
    expect(await answer("postgres --admin -Atc 'select current_user'")).toBe("postgres");
  });

  it("passes on what goes in, and the exit code that comes out", async () => {
    const script = "\\set ON_ERROR_STOP 1\nselect 40 + 2 as sum;\nselect 1/0;\n";
    const ran = await shell("postgres -At", script);
    expect(ran.stdout).toContain("42");
    expect(ran.stderr).toContain("division by zero");
    expect(ran.code).toBe(3);
  });

  it("is the client of the cache, under the rules of its account", async () => {
    expect(await answer("redis set t:operate:value:a 1")).toBe("OK");
    expect(await answer("redis get t:operate:value:a")).toBe("1");
    expect(await answer("redis acl whoami")).toBe("app");
    expect(await answer("redis get another")).toContain("NOPERM");
    expect(await answer("redis config get dir")).toContain("NOPERM");
    expect(await answer("redis --admin acl whoami")).toBe("admin");
    expect(await answer("redis --admin del t:operate:value:a")).toBe("1");
  });

  it("lists, reads and writes artifacts", async () => {
    expect(await answer("minio put package.json acme/reports/")).toMatch(
      /^acme\/reports\/package\.json .*sha256 [0-9a-f]{64}$/,
    );
    expect(await answer("minio ls")).toMatch(/acme\/ +1/);
    expect(await answer("minio ls acme")).toMatch(/1 in it +acme\/reports\//);
    expect(await answer("minio cat acme/reports/package.json")).toBe(
      readFileSync(join(clone.folder, "package.json"), "utf8").trim(),
    );
    expect(await answer("minio stat acme/reports/package.json")).toMatch(/type +application\/json/);
    expect(await answer("minio get acme/reports/package.json copy.json")).toContain("copy.json");
    expect((await shell("minio get acme/reports/package.json copy.json")).code).toBe(1);
    expect(readFileSync(join(clone.folder, "copy.json"))).toEqual(readFileSync(join(clone.folder, "package.json")));
    expect(await answer("minio buckets")).toBe("agent-artifacts");
    const piped = await shell("minio", "du acme\nrm acme/reports/none\ndu acme/reports\n");
    expect(piped.stdout.match(/1 artifacts/g)).toHaveLength(2);
    expect(piped.stderr).toContain("there is no artifact acme/reports/none");
    expect(piped.code).toBe(1);
  });

  it("says which products there are", async () => {
    for (const words of ["", "oracle"]) {
      const { code, stderr } = await shell(words);
      expect(code).toBe(1);
      for (const product of ["postgres", "redis", "minio"])
        expect(stderr).toContain(`npm run shell -- --stack ${STACK} ${product}`);
    }
  });

  it("has no password in an argument of any process while it runs", async () => {
    const running = [
      clone.start(command("shell", "--admin postgres -c 'select pg_sleep(60)'")),
      clone.start(command("shell", "redis blpop t:operate:none 60")),
      clone.start(command("shell", "minio"), {}),
    ];
    try {
      const inside = (lines: string[]) =>
        lines.some((line) => /^\S*psql .*pg_sleep/.test(line)) && lines.some((line) => /^redis-cli .*blpop/.test(line));
      const lines = await until(async () => commandLines(), inside);
      const secrets = passwords();
      expect(secrets.length).toBeGreaterThan(5);
      expect(lines.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([]);
    } finally {
      for (const one of running) await one.kill();
      await answer(
        "--admin postgres -c \"select pg_terminate_backend(pid) from pg_stat_activity where query ~ 'pg_sleep.60' and pid <> pg_backend_pid()\"",
      );
    }
  });
});

describe("logs", () => {
  const logs = (words: string) => clone.run(command("logs", words));

  it("are merged in order of time", async () => {
    const { code, stdout } = await logs("--json --tail all");
    expect(code).toBe(0);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { product: string; at: string });
    expect(new Set(lines.map(({ product }) => product))).toEqual(new Set(["postgres", "redis", "minio"]));
    expect(lines.map(({ at }) => at)).toEqual(lines.map(({ at }) => at).toSorted());
    const changes = lines.filter(({ product }, i) => i > 0 && product !== lines[i - 1]?.product).length;
    expect(changes).toBeGreaterThan(2); // not one after the other
  });

  it("are narrowed to products, lines and a time", async () => {
    const some = await logs("--tail 2 redis");
    expect(some.stdout.trim().split("\n")).toHaveLength(2);
    expect(some.stdout).toMatch(/^redis +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} /);
    expect((await logs("--since 2090-01-01T00:00:00Z")).stdout).toBe("");
    expect((await logs("oracle")).stderr).toContain("It has: ");
    expect((await logs("--since whenever")).code).toBe(2);
  });

  it("go on until they are interrupted, which is no failure", async () => {
    const follow = command("logs", "--follow --tail 0 postgres").replace(
      "npm run --silent logs --",
      "node scripts/launch.mjs logs",
    );
    const running = clone.run(
      `${follow} > followed & pid=$!; until grep -q 'operate_was_here' followed; do ${command("shell", "postgres -c 'select operate_was_here'")}; done; kill -INT $pid; wait $pid`,
      { timeout: 120_000 },
    );
    expect((await running).code, (await running).stderr).toBe(0);
    expect(readFileSync(join(clone.folder, "followed"), "utf8")).toMatch(/^postgres .*operate_was_here/m);
  });
});

describe("status", () => {
  it("has figures of every product, below a table", async () => {
    const { code, stdout } = await clone.run(command("status", ""));
    expect(code, stdout).toBe(0);
    for (const text of [/^ +connections +\d+ of 100 /m, /^ +memory .* of \d+ MiB /m, /^ +objects +\d+/m])
      expect(stdout).toMatch(text);
    expect(stdout).not.toContain("\u001b");
    expect(stdout).not.toMatch(/not known|no figures/);
  });

  it("names a slow statement", async () => {
    await answer("postgres -c 'select pg_sleep(1.2)'");
    const { figures, tables } = await statusOf("postgres");
    expect(figures.slowest?.value).toBeGreaterThan(1_000);
    expect(tables["slow statements"]?.map(({ statement }) => statement)).toContain("select pg_sleep($1)");
    expect(figures.connections?.value).toBeLessThan(100);
    expect(figures.size?.value).toBeGreaterThan(5_000_000);
    expect(tables.tables?.map(({ table }) => table)).toContain("agents.chunks");
  });

  it("keeps no statement that sets a password", async () => {
    await answer("--admin postgres -c \"alter role agent_owner valid until 'infinity'\"");
    expect(
      await answer("--admin postgres -Atc \"select count(*) from pg_stat_statements where query ~* '^alter role'\""),
    ).toBe("0");
  });

  it("names who waits for a lock, and behind whom, and still has the other figures", async () => {
    const holder = clone.start(
      command("shell", "--admin postgres -c 'begin; lock table agents.documents; select pg_sleep(300)'"),
    );
    const held =
      "select count(*) from pg_locks where relation = 'agents.documents'::regclass and mode = 'AccessExclusiveLock'";
    await until(
      () => answer(`--admin postgres -Atc "${held}"`),
      (count) => count === "1",
    );
    const waiter = clone.start(command("shell", "postgres -c 'select count(*) from agents.documents where true'"));
    try {
      const waiting = await until(
        () => statusOf("postgres"),
        ({ figures }) => Number(figures.locks?.value) > 0,
      );
      const [lock] = waiting.tables.locks ?? [];
      expect(lock?.statement).toBe("select count(*) from agents.documents where true");
      expect(lock?.["last statement"]).toContain("lock table agents.documents");
      expect(waiting.figures.locks?.note).toContain(`behind pid ${lock?.["held by"]?.split(" ")[0]}`);
      expect(Object.values(waiting.figures).filter(({ text }) => /not known|not in time/.test(text))).toEqual([]);
      await answer(`--admin postgres -c 'select pg_terminate_backend(${lock?.["held by"]?.split(" ")[0]})'`);
      const { figures } = await until(
        () => statusOf("postgres"),
        (seen) => seen.figures.locks?.value === 0,
      );
      expect(figures.locks?.text).toBe("none waiting");
    } finally {
      await Promise.all([holder.kill(), waiter.kill()]);
    }
  });

  it("names a big key and a slow command of the cache", async () => {
    const big = `--admin eval "redis.call('set', KEYS[1], string.rep('x', 12 * 1024 * 1024)) return 1" 1 t:operate:value:big`;
    await answer("redis --admin config set slowlog-log-slower-than 0");
    expect(await answer(`redis ${big}`)).toBe("1");
    const { figures, tables } = await statusOf("redis");
    await answer("redis --admin config set slowlog-log-slower-than 10000");
    expect(figures["biggest-key"]?.value).toBeGreaterThan(12 * 1024 ** 2);
    expect(figures["biggest-key"]?.note).toContain("string t:operate:value:big");
    expect(figures["biggest-key"]).toHaveProperty("warn");
    expect(tables["slow log"]?.length).toBeGreaterThan(0);
    expect(figures["slow-log"]?.value).toBeGreaterThan(0);
    expect(figures.memory?.value).toBeGreaterThan(12 * 1024 ** 2);
    await answer("redis --admin unlink t:operate:value:big");
  });

  it("counts artifacts by tenant", async () => {
    const { figures, tables } = await statusOf("minio");
    expect(figures.buckets?.value).toBe(1);
    expect(tables.tenants).toContainEqual(expect.objectContaining({ tenant: "acme", objects: "1" }));
    expect(figures.size?.value).toBeGreaterThanOrEqual(readFileSync(join(clone.folder, "package.json")).length);
  });

  it("goes on in rounds until it is interrupted, which is no failure", async () => {
    const watching = `node scripts/launch.mjs status --stack ${STACK} --json --watch 0.5`;
    const rounds = `until [ $(grep -c '"product":"redis"' rounds) -ge 2 ]; do sleep 0.2; done`;
    const ran = await clone.run(`${watching} > rounds & pid=$!; ${rounds}; kill -INT $pid; wait $pid`, {
      timeout: 120_000,
    });
    expect(ran.code, ran.stderr).toBe(0);
    const seen = objects(readFileSync(join(clone.folder, "rounds"), "utf8"));
    for (const product of ["postgres", "redis", "minio"])
      expect(seen.filter((one) => one.product === product).length).toBeGreaterThanOrEqual(2);
  });
});

it("a frozen store fails the status in seconds, which still shows the rest", async () => {
  await whileFrozen(container("postgres"), async () => {
    const { code, stdout, stderr, seconds } = await clone.run(command("status", ""));
    expect(code).toBe(1);
    expect(seconds).toBeLessThan(20); // a program waits for 30
    expect(stdout).toMatch(/no figures: postgres: /);
    expect(stdout).toMatch(/^ +memory /m);
    expect(stderr).toMatch(/postgres.* does not answer/); // and what keeps its index there
  });
});

describe("a store that is gone", () => {
  it("fails the status, which still shows the rest", async () => {
    await run("docker", ["kill", container("redis")]);
    const people = await clone.run(command("status", ""));
    expect(people.code).toBe(1);
    expect(people.stdout).toMatch(/redis +exited/);
    expect(people.stdout).toMatch(/connections +\d+ of 100/);
    expect(people.stderr).toContain("redis does not answer");
    const [redis, postgres] = await Promise.all([statusOf("redis"), statusOf("postgres")]);
    expect(redis.fault).toBeTruthy();
    expect(postgres.answers).toBe("yes");
    const { code, stderr } = await shell("redis ping");
    expect([code, stderr]).toEqual([1, expect.stringContaining("its container is exited")]);
  });

  it("has its last words in the logs until its container goes too, which is then named", async () => {
    expect((await clone.run(command("logs", "redis"))).stdout).toContain("Ready to accept connections");
    const { Id } = await inspect(container("redis"));
    await run("docker", ["rm", "--force", Id]);
    const gone = await clone.run(command("logs", "--tail 3"));
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain("redis: no container");
    expect(gone.stdout).toMatch(/^postgres /m);
  });
});
