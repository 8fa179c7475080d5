import { catalogue, defaultProduct, filledRoles } from "../../components/catalogue/index.ts";
import type { Lab } from "./lab.ts";

/** Options of `init` and `up` that put the lab's images in place of the catalogue's. */
export const withImages = ({ images }: Pick<Lab, "images">): string =>
  Object.entries(images)
    .filter(([product]) => catalogue.has(product)) // what stands in for a service is nobody's image
    .map(([product, tag]) => `--set images.${product}=${tag}`)
    .join(" ");

/** Options that leave nothing but these of the default products. */
export const only = (...products: string[]): string =>
  filledRoles
    .filter((role) => !products.includes(defaultProduct(role, "docker") ?? ""))
    .map((role) => `--set ${role}=none`)
    .join(" ");

/** Options for a stack of Postgres alone, on a port of its own. */
export const postgresAlone = (lab: Pick<Lab, "images">, port: number): string =>
  `${only("postgres")} --port postgres=${port} --set images.postgres=${lab.images.postgres}`;
