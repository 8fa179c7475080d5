import { describe, expect, it } from "vitest";
import { makePlan } from "../components/plan.ts";
import { bytes, SettingsError } from "../stacks/faults.ts";
import { parse } from "../stacks/settings.ts";

const complaint = (raw: Record<string, unknown>): string => {
  try {
    parse("local", raw);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  throw new Error("was accepted");
};

describe("parse", () => {
  it("completes empty settings to Postgres in Docker", () => {
    expect(parse("local", {})).toMatchObject({
      target: "docker",
      environment: "dev",
      running: true,
      roles: { vector: "postgres" },
    });
  });

  it("takes what Pulumi gives: namespaced keys, everything as text", () => {
    const settings = parse("local", {
      "agent-stores:running": "false",
      "agent-stores:ports": '{"postgres":55432}',
      "agent-stores:budgets": '{"postgres":{"memory":"2GiB","cpu":1}}',
      "aws:region": "eu-west-1",
    });
    expect(settings).toMatchObject({
      running: false,
      ports: { postgres: { sql: 55432 } },
      budgets: { postgres: { memory: 2 * 1024 ** 3, cpu: 1 } },
    });
  });

  it.each([
    [
      { vector: "qdrannt" },
      'agent-stores:vector: there is no product "qdrannt" for it',
      "Use one of: chroma, postgres, qdrant, url, none.",
    ],
    [{ vector: "pglite" }, "pglite does not run on target docker", "set agent-stores:target to embedded"],
    [{ target: "embedded", vector: "postgres" }, "postgres does not run on target embedded", "Use one of: pglite"],
    [{ artifact: "s3" }, "s3 is run by others", "--set artifact=url --secret artifactUrl"],
    [{ target: "embedded", artifact: "url" }, "a URL is a secret", "Set ARTIFACT_URL in your own environment"],
    [{ vectr: "postgres" }, "agent-stores:vectr: unknown key", "Did you mean vector?"],
    [{ budgets: { postgres: { memory: "10MB" } } }, "agent-stores:budgets.postgres.memory", "at least 128MiB"],
    [{ budgets: { postgres: { memory: "lots" } } }, '"lots" is not a size', "512MiB"],
    [{ budgets: { postgre: {} } }, "agent-stores:budgets.postgre: unknown key", "Did you mean postgres?"],
    [{ ports: { postgres: 70_000 } }, "agent-stores:ports.postgres", ""],
    [{ ports: { postgres: { http: 1 } } }, 'postgres has no port "http"', "Its ports: sql"],
    [
      { options: { postgres: { maxConnection: 5 } } },
      "agent-stores:options.postgres.maxConnection: unknown key",
      "Did you mean maxConnections?",
    ],
    [{ target: "dokcer" }, "agent-stores:target", "docker"],
    [{ running: "perhaps" }, "agent-stores:running", ""],
    [{ ports: "{not json" }, "agent-stores:ports", ""],
  ])("%j is refused with its mend", (raw, what, mend) => {
    const text = complaint(raw);
    expect(text).toContain(what);
    expect(text).toContain(mend);
  });

  it("names every fault at once", () => {
    const text = complaint({ vectr: "x", budgets: { postgres: { memory: "lots" } } });
    expect(text).toContain("vectr");
    expect(text).toContain("lots");
  });

  it.each(["My Stack", "a/b", "../x", "", "admin", "example"])("refuses %j as a stack's name", (name) => {
    expect(() => parse(name, {})).toThrow(/agent-stores:stack/);
  });

  it("takes server settings as numbers and booleans too", () => {
    const { options } = parse("local", { options: { postgres: { settings: { work_mem: 8, jit: false } } } });
    expect(options.postgres).toMatchObject({ settings: { work_mem: "8", jit: "false" } });
  });
});

it.each([
  ["512MiB", 512 * 1024 ** 2],
  ["2 GB", 2e9],
  ["1.5GiB", 1.5 * 1024 ** 3],
  [4096, 4096],
  ["4096", 4096],
  ["ten", undefined],
  ["-1GiB", undefined],
  ["1PB", undefined],
])("bytes(%j) = %j", (text, value) => expect(bytes(text)).toBe(value));

describe("makePlan", () => {
  const place = { root: "/project", digests: {}, uid: 1000, gid: 1000 };
  const plan = (raw: Record<string, unknown>) => makePlan(parse("local", raw), place);

  it("is plain data without credentials", () => {
    const made = plan({});
    expect(structuredClone(made)).toEqual(made);
  });

  it("keeps data in a named volume under the image's user, or in a folder under the host's", () => {
    expect(plan({}).services[0]).toMatchObject({ data: { volume: "agent-stores-local-postgres" }, user: "999:999" });
    expect(plan({ storage: "./.local-data" }).services[0]).toMatchObject({
      data: { folder: "/project/.local-data/local/postgres" },
      user: "1000:1000",
    });
  });

  it("takes an image from the settings, the mirror, and the digest that was read", () => {
    const image = "docker.io/pgvector/pgvector:0.8.6-pg18-trixie";
    const made = makePlan(parse("local", { imageMirror: "mirror.example/hub/" }), {
      ...place,
      digests: { [image]: "sha256:ab" },
    });
    expect(made.services[0]?.image).toBe("mirror.example/hub/pgvector/pgvector:0.8.6-pg18-trixie@sha256:ab");
    expect(plan({ images: { postgres: "own:1" } }).services[0]?.image).toBe("own:1");
  });
});
