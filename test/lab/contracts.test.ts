import { expect, inject, it } from "vitest";
import { catalogue, runsOn } from "../../components/catalogue/index.ts";
import { useClone } from "./clone.ts";
import { proveContracts } from "./contracts.ts";
import { withImages } from "./flags.ts";

// Every contract on the servers of the default stack, beside the embedded stores.

const lab = inject("lab");
const STACK = "contracts";
/** Of the default stack. */
const SERVERS = ["postgres", "redis", "minio"];
const clone = useClone([STACK]);

it("hold on servers as they do on embedded stores, with no case fewer than before", {
  timeout: 1_500_000,
}, async () => {
  const up = await clone.run(`npm run up -- --stack ${STACK} --port auto ${withImages(lab)}`);
  expect(up.code, up.stdout + up.stderr).toBe(0);
  const embedded = [...catalogue].flatMap(([product, row]) => (runsOn(row, "embedded") ? [product] : []));
  await proveContracts(clone, lab, { variables: `.env.${STACK}.admin`, products: [...SERVERS, ...embedded] });
});
