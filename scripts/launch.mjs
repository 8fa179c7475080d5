// Runs a command of scripts/ on a machine that may have an old Node and nothing installed: installs what the command needs,
// then hands over to Node 24. Plain JavaScript, because the machine's own Node reads it.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const modules = join(root, "node_modules");
const stamp = join(modules, ".agent-stores.json");

/** Groups of packages: `run` is what embedded stores need, `all` adds Pulumi, the clients of servers and the test tools. */
export function install(wanted) {
  // Somebody who ran `npm ci` has everything; installing less would take packages away.
  const group = existsSync(join(modules, "@pulumi", "pulumi")) ? "all" : wanted;
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const done = existsSync(stamp) ? JSON.parse(readFileSync(stamp, "utf8")) : {};
  if (done.lock === lock && (done.group === "all" || done.group === group)) return;
  process.stderr.write(`installing packages (${group === "run" ? "embedded stores" : "everything"}), once …\n`);
  const started = Date.now();
  const npm = process.env.npm_execpath;
  const words = [
    "install",
    "--no-save",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    ...(group === "run" ? ["--omit=dev"] : []),
  ];
  const { status } = spawnSync(npm ? process.execPath : "npm", npm ? [npm, ...words] : words, {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
    shell: !npm && process.platform === "win32",
  });
  if (status !== 0) {
    process.stderr.write(
      "✖ the packages could not be installed\n    See npm's message above; then run the same command again.\n",
    );
    process.exit(1);
  }
  mkdirSync(modules, { recursive: true });
  writeFileSync(stamp, JSON.stringify({ lock, group }));
  process.stderr.write(`installed in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

/** This Node if it is new enough, else the one that npm installed for this platform. */
function modernNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 24 || (major === 24 && minor >= 12)) return process.execPath;
  const { platform, arch } = process;
  const names = [`node-${platform === "win32" ? "win" : platform}-${arch}`, `node-bin-${platform}-${arch}`];
  const binary = platform === "win32" ? "node.exe" : "node";
  const found = names.map((name) => join(modules, name, "bin", binary)).find((path) => existsSync(path));
  if (found) return found;
  process.stderr.write(
    `✖ Node ${process.versions.node} is too old, and npm has no Node 24 for ${platform}-${arch}\n    Install Node 24.12 or newer: https://nodejs.org\n`,
  );
  process.exit(1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [command, ...words] = process.argv.slice(2);
  const taken = ["stack", "target", "port", "set", "tenant", "over", "from", "to"].find(
    (option) => process.env[`npm_config_${option}`] !== undefined,
  );
  if (taken) {
    process.stderr.write(
      `✖ npm took --${taken} for an option of its own\n    Put -- before options: npm run ${command} -- --${taken} …\n`,
    );
    process.exit(2);
  }
  // These run the test tools or Pulumi whatever the settings say; the others ask for them when the target is known.
  install(["test", "lab", "bench"].includes(command) ? "all" : "run");
  const node = modernNode();
  const child = spawn(
    node,
    ["--disable-warning=ExperimentalWarning", join(root, "scripts", `${command}.ts`), ...words],
    {
      stdio: "inherit",
      env: {
        ...process.env,
        PATH: [dirname(node), join(modules, ".bin"), process.env.PATH].join(delimiter),
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(modules, ".cache", "compile"),
      },
    },
  );
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    if (!signal) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
