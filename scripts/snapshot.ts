import { Option } from "commander";
import type { Manifest } from "../adapters/index.ts";
import { openSnapshot } from "../adapters/snapshot/read.ts";
import {
  bytesOf,
  countsText,
  fleetOf,
  glance,
  knownSnapshot,
  recordsOf,
  snapshotFolder,
  snapshotNames,
  typed,
} from "./snapshot/place.ts";
import { withLock } from "./stack/lock.ts";
import { command } from "./terminal/command.ts";
import { count, Failure, type Report, size } from "./terminal/report.ts";

await command<{ tenant?: string }>({
  name: "snapshot",
  summary: "Write all that the stores hold into .snapshots/<stack>/<name>, whatever products they are.",
  arguments: "<name...>",
  options: [new Option("--tenant <id>", "only this tenant")],
  help: "npm run snapshot nightly          write one\nnpm run snapshot list             those of this stack\nnpm run snapshot verify nightly   read one to its last byte",
  run({ stack, tenant }, report, [word = "", ...others]) {
    if (others.length > (word === "verify" ? 1 : 0))
      throw new Failure(`too many words: ${others.join(" ")}`, "Type: npm run snapshot -- --help");
    if (word === "list") return list(stack, report);
    if (word === "verify") return verify(knownSnapshot(stack, others[0]), report);
    return withLock(stack, "snapshot", () => write(stack, word, tenant, report));
  },
});

async function write(stack: string, name: string, tenant: string | undefined, report: Report): Promise<void> {
  const folder = snapshotFolder(stack, name);
  await using fleet = await fleetOf(stack);
  let doing = "opening the stores";
  let roles: Manifest["roles"] = {};
  await report.step(
    "snapshot",
    () => doing,
    async () => {
      const progress = (role: string, records: number) => {
        doing = `${role}: ${records.toLocaleString("en")} records`;
      };
      const manifest = await fleet.export(folder, { ...(tenant !== undefined && { tenant }), progress });
      roles = manifest.roles;
      return `${typed(folder)} · ${count(manifest.tenants.length, "tenant")} · ${size(bytesOf(manifest))}`;
    },
  );
  for (const [role, { counts, protocol }] of Object.entries(roles))
    report.line("ok", role, `${countsText(counts)} of ${protocol}`, { counts, protocol });
  report.say(`  Next: npm run snapshot -- verify ${name} · npm run restore -- ${name}`);
}

async function list(stack: string, report: Report): Promise<void> {
  const names = snapshotNames(stack);
  if (names.length === 0) return report.line("note", "snapshot", `the stack ${stack} has none`);
  const rows: string[][] = [];
  for (const name of names) {
    const manifest = await glance(stack, name);
    const isWhole = typeof manifest !== "string";
    report.data(isWhole ? { name, ...manifest } : { name, fault: manifest });
    if (!isWhole) {
      rows.push([name, "", "", "", "", manifest]);
      continue;
    }
    const { madeAt, tenants, roles, tenant } = manifest;
    const held = `${Object.keys(roles).join(" ")}${tenant === null ? "" : ` of ${tenant} alone`}`;
    const figures = [String(tenants.length), String(recordsOf(manifest)), size(bytesOf(manifest))];
    rows.push([name, `${madeAt.slice(0, 19)}Z`, ...figures, held]);
  }
  report.table(["name", "made at", "tenants", "records", "size", "roles"], rows);
}

async function verify(folder: string, report: Report): Promise<void> {
  let doing = "reading the manifest";
  await report.step(
    "verify",
    () => doing,
    async () => {
      const { manifest } = await openSnapshot(folder, (file, lines) => {
        doing = `${file}: ${lines.toLocaleString("en")} of it`;
      });
      return `whole: ${count(recordsOf(manifest), "record")}, ${count(manifest.blobs.count, "content")}, ${size(bytesOf(manifest))}`;
    },
  );
}
