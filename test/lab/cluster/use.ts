import { afterAll, beforeAll } from "vitest";
import { must } from "../exec.ts";
import { bringImages } from "./images.ts";
import { type Cluster, clusterDown, clusterUp } from "./index.ts";
import { CONTEXT, kubeconfigFile } from "./place.ts";

/** Brings the lab's cluster up before the tests of a file, with these images on its node, and takes it away after them. */
export function useCluster(images: readonly string[]) {
  let cluster: Cluster | undefined;
  beforeAll(async () => {
    cluster = await clusterUp((name, seconds) => console.log(`  ${name}: ${seconds.toFixed(1)} s`));
    await bringImages(images);
  });
  afterAll(clusterDown);
  return {
    /** What a command needs to find it. */
    env: { KUBECONFIG: kubeconfigFile() },
    options: `--target kubernetes --set kubeContext=${CONTEXT}`,
    async kubectl(...words: string[]): Promise<string> {
      const { stdout } = await must(`${cluster?.bin}/kubectl`, ["--kubeconfig", kubeconfigFile(), ...words]);
      return stdout.trim();
    },
  };
}
