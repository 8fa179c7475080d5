import { describe, expect, it } from "vitest";
import { catalogue, runsOn } from "../components/catalogue/index.ts";
import { type Manifest, renderKubernetes } from "../components/kubernetes.ts";
import { renderBase, renderSecrets, secretsOf } from "../components/kustomize.ts";
import { alternatesOf, makePlan } from "../components/plan.ts";
import { secretsIn } from "../components/secret.ts";
import { parse } from "../stacks/settings.ts";

const CLUSTER = { target: "kubernetes", kubeContext: "somewhere" };
const place = { root: "/project", digests: {} };
const plan = (raw: Record<string, unknown> = {}) => makePlan(parse("local", { ...CLUSTER, ...raw }), place);
/** Every product that runs in a container, at once. */
const everything = () => {
  const own = plan();
  return { ...own, services: [...own.services, ...alternatesOf(parse("local", CLUSTER), place)] };
};
const find = (objects: readonly Manifest[], kind: string, name: string) =>
  objects.find((object) => object.kind === kind && object.metadata.name === name) as unknown as Record<string, never> &
    Manifest;

describe("renderKubernetes", () => {
  it("gives Postgres a claim, limits, probes, a root that it cannot write, and time to stop", () => {
    const { objects } = renderKubernetes(plan());
    expect(find(objects, "StatefulSet", "postgres")).toMatchObject({
      metadata: { namespace: "agent-stores-local" },
      spec: {
        replicas: 1,
        persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
        volumeClaimTemplates: [
          { metadata: { name: "data" }, spec: { resources: { requests: { storage: "5120Mi" } } } },
        ],
        template: {
          spec: {
            terminationGracePeriodSeconds: 95,
            securityContext: { runAsNonRoot: true, runAsUser: 999, fsGroup: 999 },
            containers: [
              {
                resources: { limits: { cpu: "2", memory: "1024Mi" } },
                securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
                startupProbe: { exec: { command: expect.arrayContaining(["pg_isready"]) }, failureThreshold: 180 },
                livenessProbe: { tcpSocket: { port: "sql" } },
                lifecycle: {
                  preStop: { exec: { command: expect.arrayContaining([expect.stringContaining("kill -s INT 1")]) } },
                },
              },
            ],
          },
        },
      },
    });
  });

  it("holds every product to what a careful namespace demands", () => {
    const { objects, namespace } = renderKubernetes(everything());
    expect(namespace.metadata.labels).toMatchObject({ "pod-security.kubernetes.io/enforce": "restricted" });
    const sets = objects.filter(({ kind }) => kind === "StatefulSet");
    const wanted = [...catalogue].flatMap(([product, row]) =>
      row.container && runsOn(row, "kubernetes") ? [product] : [],
    );
    expect(sets.map(({ metadata }) => metadata.name).sort()).toEqual(wanted.sort());
    // biome-ignore lint/suspicious/noExplicitAny: an object of the API server's
    for (const { metadata, spec } of sets as any[]) {
      const pod = spec.template.spec;
      expect(pod, metadata.name).toMatchObject({
        enableServiceLinks: false,
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      });
      expect(pod.securityContext.runAsUser, metadata.name).toBeGreaterThan(0);
      expect(pod.containers[0].securityContext.capabilities, metadata.name).toEqual({ drop: ["ALL"] });
      const paths = pod.containers[0].volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
      expect(new Set(paths).size, metadata.name).toBe(paths.length);
      expect(
        pod.containers[0].ports.every(({ name }: { name: string }) => name.length <= 15),
        metadata.name,
      ).toBe(true);
      expect(find(objects, "PodDisruptionBudget", metadata.name), metadata.name).toMatchObject({
        spec: { maxUnavailable: 1 },
      });
      expect(find(objects, "NetworkPolicy", metadata.name), metadata.name).toBeDefined();
    }
  });

  it("names each object once", () => {
    for (const trace of ["jaeger", "none"]) {
      const names = renderKubernetes(plan({ trace })).objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    }
  });

  it("has credentials in Secrets alone, as references", () => {
    for (const object of renderKubernetes(everything()).objects)
      if (object.kind !== "Secret")
        expect(secretsIn({ ...object, spec: withoutDigest(object) }), object.metadata.name).toEqual([]);
  });

  it("starts a server anew when a credential that it reads changes", () => {
    const set = JSON.stringify(find(renderKubernetes(plan()).objects, "StatefulSet", "redis"));
    expect(set).toContain('"agent-stores/files":{"digestOf":');
    expect(set).toContain("redis.app");
  });

  it("keeps the namespace, and nothing in it but claims, while the stack is down", () => {
    const { namespace, objects } = renderKubernetes(plan({ running: false, namespace: "mine" }));
    expect(namespace.metadata.name).toBe("mine");
    expect(objects).toEqual([]);
  });

  it("names the class of the claims where the settings do", () => {
    const text = JSON.stringify(renderKubernetes(plan({ storageClass: "fast" })).objects);
    expect(text).toContain('"storageClassName":"fast"');
    expect(JSON.stringify(renderKubernetes(plan()).objects)).not.toContain("storageClassName");
  });
});

const withoutDigest = ({ spec }: Manifest) =>
  JSON.parse(JSON.stringify(spec ?? null, (key, value) => (key === "agent-stores/files" ? "" : value)));

describe("the kustomize base", () => {
  it("has the same objects, no secret value, and nothing of this machine", () => {
    const files = renderBase(plan());
    expect(Object.keys(files).sort()).toEqual(
      ["kustomization", "minio", "namespace", "postgres", "redis", "stack"].map((name) => `base/${name}.yaml`),
    );
    const text = Object.values(files).join("\n");
    expect(text).not.toContain("/project");
    expect(text).not.toContain("digestOf");
    expect(text).not.toContain("kind: Secret");
    expect(renderBase(plan())).toEqual(files);
  });

  it("has its Secrets in an overlay, out of the administrator's variables, and names one that is not there", () => {
    expect(secretsOf(plan()).map(({ name }) => name)).toEqual(["postgres-files", "redis-files", "minio-files"]);
    expect(() => renderSecrets(plan(), {})).toThrow("AGENT_STORES_POSTGRES_ADMIN");
    const known = new Proxy({}, { get: (_, name) => `value of ${String(name)}` });
    const files = renderSecrets(plan(), known);
    expect(files["secrets/postgres-files/run.secrets.admin"]).toBe("value of AGENT_STORES_POSTGRES_ADMIN");
    expect(files["secrets/kustomization.yaml"]).toContain("postgres-files/run.secrets.admin");
  });
});
