import type { Figures } from "./contract.ts";
import { bytes, counted, whole } from "./text.ts";

/** What tenants keep, as figures. `limit` says why it may not be all, else it is empty; `where` is the place. */
export function byTenant(
  found: readonly { tenant: string; objects: number; bytes: number }[],
  limit: string,
  where: string,
): Figures {
  const sum = (of: "objects" | "bytes") => found.reduce((all, one) => all + one[of], 0);
  const sorted = found.toSorted((one, other) => other.bytes - one.bytes || (one.tenant < other.tenant ? -1 : 1));
  const [first] = sorted;
  const more = limit && ` · ${limit}`;
  return {
    figures: [
      { name: "size", value: sum("bytes"), unit: "bytes", text: bytes(sum("bytes")), note: `${where}${more}` },
      {
        name: "objects",
        value: sum("objects"),
        text: whole(sum("objects")),
        note: first
          ? `of ${counted(found.length, "tenant")}; the biggest: ${first.tenant}, ${bytes(first.bytes)}${more}`
          : undefined,
      },
    ],
    tables:
      sorted.length > 0
        ? [
            {
              name: "tenants",
              heading: ["tenant", "objects", "bytes"],
              rows: sorted.slice(0, 20).map((one) => [one.tenant, whole(one.objects), bytes(one.bytes)]),
            },
          ]
        : [],
  };
}
