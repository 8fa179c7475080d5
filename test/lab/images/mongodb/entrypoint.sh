#!/bin/bash
# Starts the server as the official image's script does: as its own user, with the first account's password out of a file.
set -Eeuo pipefail

[ "${1:0:1}" != - ] || set -- mongod "$@"
if [ "$1" = mongod ] && [ "$(id -u)" = 0 ]; then
  find /data/db /data/configdb ! -user mongodb -exec chown mongodb {} +
  exec setpriv --reuid mongodb --regid mongodb --init-groups "$BASH_SOURCE" "$@"
fi
for name in MONGO_INITDB_ROOT_USERNAME MONGO_INITDB_ROOT_PASSWORD; do
  file=${name}_FILE
  if [ -n "${!file:-}" ]; then
    [ -z "${!name:-}" ] || { echo "error: both $name and $file are set" >&2; exit 1; }
    export "$name=$(<"${!file}")"
  fi
  unset "$file"
done
exec "$@"
