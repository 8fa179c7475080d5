import { openStores } from "../adapters/index.ts";
import { catalogue } from "../components/catalogue/index.ts";
import { ACCOUNTS, type Product, type Role } from "../components/product.ts";
import { fill } from "../components/secret.ts";
import { readProof } from "./lab/proof.ts";
import { table } from "./matrix.ts";

/** What each product can in each of its roles, by what its adapter says of itself and by what was proven of that: a contract's suite fails where a refused call works. */
export function capabilities(): string {
  // Spans are no store of a tenant's, and have no contract.
  const stored = (row: Product) => row.roles.filter((role) => role !== "trace");
  const rows = [...catalogue].flatMap(([product, row]) => stored(row).map((role) => line(product, row, role)));
  rows.sort(([a = ""], [b = ""]) => (a < b ? -1 : a > b ? 1 : 0));
  return table([["role", "product", "can", "cannot, and why", "contract"], ...rows]);
}

function line(product: string, row: Product, role: Role): string[] {
  const { can, why } = ofStore(urlOf(row), role);
  const names = Object.keys(can).sort();
  const cannot = names.filter((name) => !can[name]).map((name) => `\`${name}\`: ${why[name]}`);
  const proof = readProof(product).checks.find(({ check }) => check === `${role} contract`);
  return [
    `\`${role}\``,
    row.title,
    names
      .filter((name) => can[name])
      .map((name) => `\`${name}\``)
      .join(" "),
    cannot.join("<br>"),
    proof ? `${proof.detail}, ${proof.on}` : "not run here",
  ];
}

interface Said {
  can: Record<string, boolean>;
  why: Record<string, string | undefined>;
}

/** Known without connecting. */
function ofStore(url: string, role: Role): Said {
  // As in a stack that has a database.
  const stores = openStores({ [`${role.toUpperCase()}_URL`]: url, ARTIFACT_INDEX_URL: "pglite:///data" });
  try {
    return stores.tenant("any")[role as "vector"] as unknown as Said;
  } finally {
    void stores.close();
  }
}

/** As `.env` would have it, but for the password. */
function urlOf({ urls, options, container }: Product): string {
  const ports = Object.fromEntries(Object.entries(container?.ports ?? {}).map(([name, { host }]) => [name, host]));
  const budget = container?.budgets.dev ?? { cpu: 0, memory: 0, disk: 0 };
  const at = {
    host: "127.0.0.1",
    ports,
    beside: {},
    folder: "/data",
    options: options.parse({}),
    budget,
    frozen: false,
  };
  const [account] = ACCOUNTS.slice(-1);
  return fill(urls({ ...at, secret: (secret) => ({ secret }) })[account ?? "app"], () => "password");
}
