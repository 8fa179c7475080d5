import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Env, type Fleet, type Manifest, openFleet, openStores } from "../../adapters/index.ts";
import { prepare } from "../../adapters/prepare/index.ts";
import { openSnapshot } from "../../adapters/snapshot/read.ts";
import { connections } from "../../components/connections.ts";
import { makePlan } from "../../components/plan.ts";
import { fill as fillText } from "../../components/secret.ts";
import { parse } from "../../stacks/settings.ts";
import { refused } from "../contract/expectations.ts";
import { chunk } from "../contract/vector-fixture.ts";
import { everything, facts, filesIn, fill, forge, inprocess, onlyRoles, place, ROLES } from "./fixture.ts";

const { folder, remove } = place();
/** Chunks of a few documents. */
const someChunks = Array.from({ length: 20 }, (_, i) => chunk(`c${i}`, [1, i, 0, 0], { document: `d${i % 3}` }));
afterAll(remove);
const at = (name: string) => join(folder, name);

describe("embedded stores", () => {
  let app: Env;
  let fleet: Fleet;
  beforeAll(async () => {
    const settings = { "agent-stores:target": "embedded", "agent-stores:storage": folder };
    const { env, adminEnv } = connections(makePlan(parse("snapshots", settings), { root: folder, digests: {} }));
    const values = (texts: typeof env) =>
      Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, fillText(text, () => "")]));
    app = values(env);
    await prepare(values(adminEnv));
    for (const tenant of ["acme", "beta"]) await fill(app, tenant);
    fleet = openFleet(onlyRoles(values(adminEnv)));
  }, 60_000);
  afterAll(() => fleet?.close());

  it("come back from a snapshot as they were", async () => {
    const before = await everything(fleet);
    const manifest = await fleet.export(at("all"));
    expect(manifest).toMatchObject({
      format: "agent-stores/snapshot",
      version: 1,
      tenant: null,
      tenants: ["acme", "beta"],
    });
    expect(Object.keys(manifest.roles)).toEqual(expect.arrayContaining(["vector", "session", "artifact"]));
    for (const tenant of await fleet.tenants()) await fleet.deleteTenant(tenant);
    expect(await fleet.tenants()).toEqual([]);
    const imported = await fleet.import(at("all"));
    for (const [role, { counts }] of Object.entries(manifest.roles))
      for (const [kind, n] of Object.entries(counts)) expect(imported[role]?.[kind], `${role} ${kind}`).toBe(n);
    expect(await everything(fleet)).toEqual(before);
  });

  it("write the same bytes again, and the same as other products", async () => {
    const bytes = (name: string) =>
      filesIn(at(name)).flatMap((file) =>
        file === "manifest.json" ? [] : [[file, facts(readFileSync(join(at(name), file)))]],
      );
    await fleet.export(at("again"));
    await using other = openFleet(inprocess("other-products"));
    await other.import(at("all"));
    await other.export(at("elsewhere"));
    expect(bytes("again")).toEqual(bytes("all"));
    expect(bytes("elsewhere")).toEqual(bytes("all"));
  });

  it("are not overwritten unless told so, and then hold nothing but the snapshot", async () => {
    const before = await everything(fleet);
    await using stores = openStores(app);
    await expect(fleet.import(at("all"))).rejects.toMatchObject({
      ...refused("conflict"),
      message: expect.stringMatching(/2 tenants, which would be lost: .*chunks \(vector\).*artifacts \(artifact\)/),
    });
    await stores.tenant("later").session.set("k", 1);
    await stores.tenant("acme").artifact.put("new", "1");
    await fleet.import(at("all"), { over: true });
    expect(await everything(fleet)).toEqual(before);
    expect(await fleet.tenants()).toEqual(["acme", "beta"]);
  });

  it("may be written meanwhile: every record is whole", async () => {
    await using stores = openStores(app);
    const { vector, session, artifact } = stores.tenant("busy");
    let done = false;
    const writing = (async () => {
      for (let n = 0; !done; n++) {
        const text = `${n} `.repeat(50);
        await vector.upsert(someChunks.map((one) => ({ ...one, text, metadata: { text } })));
        if (n % 3 === 0) await vector.deleteByDocument("d0");
        await session.set(`k${n % 50}`, { n, same: n }, { ttlMs: 1 + (n % 20) });
        await session.append(`l${n % 3}`, [n], { keep: 5 });
        if (n % 7 === 0) await session.clearMessages(`l${n % 3}`);
        await artifact.put(`f${n % 5}`, text, { metadata: { size: text.length } });
        if (n % 3 === 0) await artifact.delete(`f${(n + 1) % 5}`);
      }
    })();
    await using other = openFleet(inprocess("busy"));
    try {
      for (let round = 0; round < 5; round++) {
        await fleet.export(at(`busy-${round}`), { tenant: "busy" });
        const { records } = await openSnapshot(at(`busy-${round}`));
        for await (const { text, metadata } of records("vector"))
          if (text !== undefined) expect(metadata).toEqual({ text });
        for await (const { size, metadata } of records("artifact")) expect(metadata).toEqual({ size });
        await other.import(at(`busy-${round}`), { over: true });
      }
    } finally {
      done = true;
      await writing;
    }
    await fleet.deleteTenant("busy");
  });

  it("give and take one tenant alone", async () => {
    const manifest = await fleet.export(at("acme"), { tenant: "acme" });
    expect(manifest).toMatchObject({ tenant: "acme", tenants: ["acme"] });
    const before = await everything(fleet);
    await expect(fleet.import(at("acme"))).rejects.toMatchObject(refused("conflict"));
    await fleet.deleteTenant("acme");
    await fleet.import(at("acme"));
    expect(await everything(fleet)).toEqual(before);
    await fleet.import(at("all"), { tenant: "beta", over: true });
    expect(await everything(fleet)).toEqual(before);
    await expect(fleet.import(at("acme"), { tenant: "beta" })).rejects.toMatchObject(refused("invalid"));
    for (const tenant of ["", "../x", "A"]) {
      await expect(fleet.import(at("all"), { tenant }), tenant).rejects.toMatchObject(refused("invalid"));
      await expect(fleet.export(at("never"), { tenant }), tenant).rejects.toMatchObject(refused("invalid"));
    }
  });
});

describe("a snapshot", () => {
  const env = inprocess("snapshots");
  const target = inprocess("untouched");
  let fleet: Fleet;
  let into: Fleet;
  beforeAll(async () => {
    await fill(env, "acme");
    fleet = openFleet(env);
    into = openFleet(target);
    await fleet.export(at("good"));
  });
  afterAll(() => Promise.all([fleet?.close(), into?.close()]));

  /** A copy of the good one under a name of its own. */
  const copy = (name: string) => {
    rmSync(at(name), { recursive: true, force: true });
    cpSync(at("good"), at(name), { recursive: true });
    return at(name);
  };
  /** The manifest, with another text for a role's file. */
  const withRole = (role: string, text: string) => (manifest: Manifest) => ({
    ...manifest,
    roles: { ...manifest.roles, [role]: { ...manifest.roles[role], ...facts(text) } },
  });
  /** It is refused, with what is said, and nothing was written. */
  async function expectRefused(name: string, code: string, said: string | RegExp): Promise<void> {
    await expect(into.import(at(name)), name).rejects.toMatchObject({
      ...refused(code),
      message: typeof said === "string" ? expect.stringContaining(said) : expect.stringMatching(said),
    });
    expect(await into.tenants(), name).toEqual([]);
  }

  it("is not written over what is there, nor half", async () => {
    await expect(fleet.export(at("good"))).rejects.toMatchObject(refused("conflict"));
    const twice = await Promise.allSettled([fleet.export(at("twice")), fleet.export(at("twice"))]);
    expect(twice.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await openSnapshot(at("twice"));
    await using none = openFleet({});
    await expect(none.export(at("none"))).rejects.toMatchObject(refused("invalid"));
    writeFileSync(at("file"), "");
    await expect(fleet.export(join(at("file"), "x"))).rejects.toMatchObject(refused("failed"));
    const broken = { ...env, SESSION_URL: "redis://127.0.0.1:1/0" };
    await using half = openFleet(broken);
    await expect(half.export(at("half"))).rejects.toMatchObject(refused("unavailable"));
    expect(readdirSync(folder).filter((name) => name.includes("half"))).toEqual([]);
  });

  it("lies there for its owner alone", () => {
    for (const name of filesIn(at("good"))) expect(statSync(join(at("good"), name)).mode & 0o777, name).toBe(0o600);
    expect(statSync(at("good")).mode & 0o777).toBe(0o700);
  });

  it("with any byte flipped is refused, and the file is named", async () => {
    const files = filesIn(at("good"));
    expect(files.length).toBeGreaterThan(6);
    for (const file of files) {
      const path = join(copy("flipped"), file);
      const whole = readFileSync(path);
      const size = whole.length;
      for (const place of new Set([
        0,
        size - 1,
        ...Array.from({ length: 12 }, (_, i) => Math.floor((size * i) / 12)),
      ])) {
        if (size === 0) continue;
        const bytes = Buffer.from(whole);
        bytes[place] = (bytes[place] ?? 0) ^ (1 << (place % 8));
        writeFileSync(path, bytes);
        const code = file === "manifest.json" ? /failed|invalid/ : /failed/;
        const error = await into.import(at("flipped")).catch((thrown) => thrown);
        expect(error.code, `${file} at ${place}`).toMatch(code);
        if (error.code === "failed") expect(error.message, `${file} at ${place}`).toContain(file);
      }
    }
    expect(await into.tenants()).toEqual([]);
  });

  it("with a file that is cut, gone, too much or a link is refused, and it is named", async () => {
    for (const file of filesIn(at("good"))) {
      const path = join(copy("cut"), file);
      const whole = readFileSync(path);
      if (whole.length > 0) {
        writeFileSync(path, whole.subarray(0, -1));
        await expectRefused("cut", "failed", file);
      }
      rmSync(path);
      await expectRefused("cut", "failed", `${file} is missing`);
      symlinkSync(join(at("good"), file), path);
      await expectRefused("cut", "failed", `${file} is a link`);
    }
    writeFileSync(join(copy("more"), "more.txt"), "");
    await expectRefused("more", "failed", "more.txt does not belong");
    const [blob = ""] = filesIn(at("good")).filter((file) => file.startsWith("blobs/"));
    for (const name of ["blobs/x", "blobs/zz", blob.replace(/.$/, "g"), `${blob.slice(0, 9)}${"0".repeat(62)}`]) {
      writeFileSync(join(copy("more"), name), "");
      await expectRefused("more", "failed", "does not belong");
    }
    for (const name of ["blobs", blob.slice(0, 8)]) {
      rmSync(join(copy("linked"), name), { recursive: true });
      symlinkSync(join(at("good"), name), join(at("linked"), name));
      await expectRefused("linked", "failed", name);
    }
  });

  it("that is none, or of a newer version, is refused", async () => {
    await expectRefused("nowhere", "invalid", "no snapshot in");
    mkdirSync(at("empty"));
    await expectRefused("empty", "failed", "manifest.json is missing");
    for (const text of ["{}", "[]", "null", '{"format":"other","version":1}']) {
      writeFileSync(join(copy("foreign"), "manifest.json"), text);
      await expectRefused("foreign", "invalid", "not of a snapshot");
    }
    for (const text of ["", "{", "\u0000"]) {
      writeFileSync(join(copy("foreign"), "manifest.json"), text);
      await expectRefused("foreign", "failed", "no JSON");
    }
    copy("newer");
    forge(at("newer"), (manifest) => ({ ...manifest, version: 2 }));
    await expectRefused("newer", "invalid", "version 2");
    await using less = openFleet({ VECTOR_URL: "inprocess:less" });
    await expect(less.import(at("good"))).rejects.toMatchObject({
      ...refused("invalid"),
      message: expect.stringMatching(/the role \w+, which has no store here/),
    });
  });

  it("that was made to do harm is refused before anything is written", async () => {
    const named = (role: string) => (manifest: Manifest) => ({
      ...manifest,
      roles: { [role]: manifest.roles.session },
    });
    for (const change of [
      ...["../x", "/etc/x", "a/b", "..", "", "blobs", "SESSION", "__proto__x"].map(named),
      (manifest: Manifest) => ({ ...manifest, tenants: ["../acme"] }),
      (manifest: Manifest) => ({ ...manifest, tenant: "../acme" }),
      (manifest: Manifest) => ({ ...manifest, blobs: { ...manifest.blobs, bytes: -1 } }),
      (manifest: Manifest) => ({ ...manifest, blobs: { ...manifest.blobs, sha256: "../x" } }),
      (manifest: Manifest) => ({
        ...manifest,
        roles: { session: { ...manifest.roles.session, counts: { value: 1.5 } } },
      }),
    ]) {
      forge(copy("harm"), change);
      await expectRefused("harm", "failed", "manifest.json lacks what a manifest has");
    }
    const line = (record: object) => `${JSON.stringify(record)}\n`;
    const lines: [string, RegExp][] = [
      [
        `${'{"kind":"value","tenant":"acme","x":"'}${"x".repeat(16 << 20)}"}\n`,
        /session.ndjson has a line of more than 16 MiB/,
      ],
      [`${"[".repeat(1 << 20)}\n`, /session.ndjson has no record in line 1/],
      [line({ kind: "value", tenant: "../acme" }), /no record in line 1/],
      [line({ kind: "value", tenant: "beta" }), /no record in line 1/],
      [line({ tenant: "acme", kind: "value" }), /no record in line 1/],
      [`${'{"kind":"value","tenant":"acme"}'}`, /ends amid a line/],
      ["\n", /no record in line 1/],
    ];
    for (const [text, said] of lines) {
      forge(copy("harm"), withRole("session", text), { "session.ndjson": text });
      await expectRefused("harm", "failed", said);
    }
    for (const name of ["../../manifest.json", "/etc/passwd", "0".repeat(63), `${"0".repeat(64)}/x`]) {
      const text = `{"sha256":${JSON.stringify(name)},"size":1}\n`;
      forge(copy("harm"), (manifest) => ({ ...manifest, blobs: { ...facts(text), count: 1, contents: 1 } }), {
        "blobs.ndjson": text,
      });
      await expectRefused("harm", "failed", "blobs.ndjson names no content in line 1");
    }
  });

  it("with a record that leads out of a store is refused by the store", async () => {
    const good = readFileSync(join(at("good"), "artifact.ndjson"), "utf8").split("\n")[0] ?? "";
    for (const change of [
      { path: "../../escaped" },
      { path: "/escaped" },
      { sha256: "../../../etc/passwd" },
      { run: "../x" },
    ]) {
      const record = { ...(JSON.parse(good) as object), ...change };
      const text = `${JSON.stringify(record)}\n`;
      const alter = (manifest: Manifest) => ({
        ...manifest,
        roles: { artifact: { protocol: "s3", ...facts(text), counts: { artifact: 1 } } },
      });
      copy("out");
      for (const role of ROLES.filter((one) => one !== "artifact")) rmSync(join(at("out"), `${role}.ndjson`));
      forge(at("out"), alter, { "artifact.ndjson": text });
      await expectRefused("out", "invalid", /artifact: /);
    }
  });

  it("whose writing is killed leaves nothing that looks like one, and the next removes what is left", async () => {
    const script = `
      import { openFleet } from ${JSON.stringify(join(import.meta.dirname, "../../adapters/index.ts"))};
      import { fill, inprocess } from ${JSON.stringify(join(import.meta.dirname, "fixture.ts"))};
      const env = inprocess("killed");
      await fill(env, "acme");
      const fleet = openFleet(env);
      await fleet.export(${JSON.stringify(at("killed"))}, { progress: () => { console.log("begun"); for (;;); } });`;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    const left = readdirSync(folder).filter((name) => name.includes("killed"));
    expect(left).toEqual([`.killed.${child.pid}.part`]);
    expect(existsSync(join(folder, left[0] ?? "", "manifest.json"))).toBe(false);
    await expect(openSnapshot(join(folder, left[0] ?? ""))).rejects.toMatchObject(refused("failed"));
    await fleet.export(at("killed"));
    expect(readdirSync(folder).filter((name) => name.includes("killed"))).toEqual(["killed"]);
  });

  it("is imported again after an import that broke off", async () => {
    const env = inprocess("broken-off");
    await using broken = openFleet(env);
    const stop = new Error("stopped");
    const progress = (doing: string) => {
      if (doing === "writing artifact") throw stop;
    };
    await expect(broken.import(at("good"), { progress })).rejects.toBe(stop);
    await expect(broken.import(at("good"))).rejects.toMatchObject(refused("conflict"));
    await broken.import(at("good"), { over: true });
    expect(await everything(broken)).toEqual(await everything(fleet));
  });
});
