import { describe, expect, it } from "vitest";
import { connections } from "../components/connections.ts";
import { renderDocker } from "../components/docker.ts";
import { credentialsOf, makePlan } from "../components/plan.ts";
import { elsewhere } from "../scripts/stack/connect.ts";
import { readCredentials } from "../stacks/place.ts";
import { parse } from "../stacks/settings.ts";

// A role that is bound to a URL: its store runs elsewhere.

const place = { root: "/project", digests: {} };
const none = { memory: "none", session: "none", run: "none", event: "none", search: "none" };
const planOf = (settings: Record<string, unknown>) => makePlan(parse("local", { ...none, ...settings }), place);
const secure = { secure: "v1:encrypted" };

describe("a role bound to a URL", () => {
  const plan = planOf({ vector: "postgres", artifact: "url", artifactUrl: secure, artifactAdminUrl: secure });

  it("has no service, and is bound", () => {
    expect(plan.services.map(({ product }) => product)).toEqual(["postgres"]);
    expect(renderDocker(plan).services.map(({ product }) => product)).toEqual(["postgres"]);
    expect(plan.bindings).toEqual({ vector: "postgres", artifact: "url" });
  });

  it("gives its secret URLs to the variables, and keeps its index in the database that runs here", () => {
    const { env, adminEnv } = connections(plan);
    expect(env.ARTIFACT_URL).toEqual({ secret: "artifactUrl" });
    expect(adminEnv.ARTIFACT_URL).toEqual({ secret: "artifactAdminUrl" });
    expect(env.ARTIFACT_INDEX_URL).toBe(env.VECTOR_URL);
    expect(adminEnv).toMatchObject({
      ARTIFACT_ELSEWHERE_ADMIN_URL: { secret: "artifactAdminUrl" },
      ARTIFACT_ELSEWHERE_OWNER_URL: { secret: "artifactAdminUrl" },
      ARTIFACT_ELSEWHERE_FLEET_URL: { secret: "artifactAdminUrl" },
      ARTIFACT_ELSEWHERE_APP_URL: { secret: "artifactUrl" },
    });
  });

  it("is left to others to prepare without an account that may do it", () => {
    const { adminEnv } = connections(planOf({ vector: "none", artifact: "url", artifactUrl: secure }));
    expect(Object.keys(adminEnv)).toEqual(["ARTIFACT_URL"]);
    const owned = planOf({ vector: "url", artifact: "none", vectorUrl: secure, vectorOwnerUrl: secure });
    expect(connections(owned).adminEnv).toEqual({
      VECTOR_URL: { secret: "vectorUrl" },
      VECTOR_ELSEWHERE_OWNER_URL: { secret: "vectorOwnerUrl" },
    });
  });

  it("asks for the URL that is not there, with what to type", () => {
    const lacking = planOf({ vector: "none", artifact: "url" });
    expect(credentialsOf(lacking).given.map(({ name }) => name)).toEqual(["artifactUrl"]);
    expect(() => readCredentials(lacking, {})).toThrow(/agent-stores:artifactUrl: missing/);
    expect(readCredentials(lacking, { "agent-stores:artifactUrl": "s3://a:b@c/d" })).toEqual({
      artifactUrl: "s3://a:b@c/d",
    });
  });

  it("is shown where it is, each place once and without its account", () => {
    const two = planOf({ vector: "url", search: "url", artifact: "none", vectorUrl: secure, searchUrl: secure });
    const at = "postgres://agent_fleet:secret@db.example:5432/agent_core?sslmode=require";
    expect(elsewhere(two, { VECTOR_URL: at, SEARCH_URL: at })).toEqual([
      { where: "postgres://db.example:5432/agent_core", roles: ["vector", "search"] },
    ]);
  });
});
