import { catalogue, runsOn, servedBy, TARGETS, type Target } from "../components/catalogue/index.ts";
import type { Product } from "../components/product.ts";
import { hasImage } from "./lab/images.ts";
import { type Check, readProof } from "./lab/proof.ts";

/** The README's product matrix, from the catalogue and from proof/. Every product has a row and no cell is empty. */
export function matrix(): string {
  const heading = ["product", "roles", "target", "licence", "upkeep", "protocol proven", "official image proven"];
  const rows = [...catalogue].map(([name, row]) => {
    const { checks } = readProof(name);
    return [
      `${row.title} (\`${name}\`)`,
      row.roles.join(", ") || `${servedBy(name).join(", ")}, beside another`,
      row.managed ? "by URL" : targetsOf(row, checks),
      row.licence,
      row.upkeep.state,
      // No server in the package registries: its settings are rendered and checked, and another's tests stand for its protocol.
      summary(
        checks.filter(({ on }) => on !== "official image"),
        row.managed
          ? "a service of others, not reached here"
          : row.container && !hasImage(name)
            ? "rendered, not run here"
            : "not run",
      ),
      row.container ? summary(checks.filter(({ on }) => on === "official image")) : "has no image",
    ];
  });
  return table([heading, ...rows]);
}

/** Where it runs; a target on which nothing was run is said to be rendered alone. */
function targetsOf(row: Product, checks: readonly Check[]): string {
  const targets = TARGETS.filter((target) => runsOn(row, target));
  const rendered = (target: Target) => target === "kubernetes" && !checks.some((check) => check.target === target);
  return targets.map((target) => `${target}${rendered(target) ? " (rendered)" : ""}`).join(", ");
}

/** Rows as Markdown, the first one as the heading. */
export const table = ([heading = [], ...rows]: readonly (readonly string[])[]): string =>
  [heading, heading.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** `smoke, vector contract — own build of the product`, failures first; `none` when there is no proof. */
export function summary(checks: readonly Check[], none = "not run"): string {
  if (checks.length === 0) return none;
  const failed = checks.filter(({ passed }) => !passed);
  if (failed.length > 0) return `**failed:** ${failed.map(({ check }) => check).join(", ")}`;
  const grounds = Map.groupBy(checks, ({ on, image, standIn }) =>
    image ? digestOf(image) : standIn ? `${on}: ${standIn}` : on,
  );
  return [...grounds].map(([ground, group]) => `${group.map(nameOf).join(", ")} — ${ground}`).join("; ");
}

const nameOf = ({ check, target }: Check) => (target === "kubernetes" ? `${check} on a node` : check);

/** As much of a digest as people compare. */
const digestOf = (image: string) => `\`${/@(sha256:[0-9a-f]{12})/.exec(image)?.[1] ?? image}\``;
