/** Installs a group of packages when it is not there yet: `run` for embedded stores, `all` for everything. */
export function install(group: "run" | "all"): void;
