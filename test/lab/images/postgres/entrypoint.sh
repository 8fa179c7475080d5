#!/usr/bin/env bash
# Starts PostgreSQL, after making the data folder on the first start. Follows the documented behaviour of the official
# image, so that what works here works there.
set -Eeuo pipefail

fail() {
  printf 'entrypoint: %s\n' "$@" >&2
  exit 1
}

# from_file NAME DEFAULT: NAME, else the content of the file that NAME_FILE names, else DEFAULT.
from_file() {
  local name=$1 file_name="${1}_FILE"
  local value=${!name:-} file=${!file_name:-}
  [ -z "$value" ] || [ -z "$file" ] || fail "both $name and $file_name are set; set one of them"
  if [ -n "$file" ]; then
    [ -r "$file" ] || fail "$file_name is $file, which user $(id -u) cannot read"
    value=$(<"$file")
  fi
  export "$name=${value:-$2}"
  unset "$file_name"
}

# Missing parents belong to the server's account too: an upgrade writes a sibling of PGDATA.
own_folders() {
  local folder=$PGDATA missing=()
  while [ ! -d "$folder" ]; do
    missing+=("$folder")
    folder=$(dirname "$folder")
  done
  mkdir -p "$PGDATA"
  if [ "$(id -u)" = 0 ]; then
    [ ${#missing[@]} = 0 ] || chown postgres:postgres "${missing[@]}"
    find "$PGDATA" ! -user postgres -exec chown postgres:postgres {} +
    mkdir -p /var/run/postgresql
    chown postgres:postgres /var/run/postgresql
    chmod 3777 /var/run/postgresql || true
    if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then
      mkdir -p "$POSTGRES_INITDB_WALDIR"
      chown -R postgres:postgres "$POSTGRES_INITDB_WALDIR"
      chmod 700 "$POSTGRES_INITDB_WALDIR"
    fi
  fi
  chmod 700 "$PGDATA" || true # a bind mount may belong to somebody else; the server itself has the last word
}

# A volume in the place that images up to 17 used would stay empty, and the data would die with the container.
refuse_old_mount() {
  local old=/var/lib/postgresql/data
  if grep -q " $old " /proc/self/mountinfo && [[ $PGDATA != "$old"* ]]; then
    fail "a volume is mounted at $old, which PostgreSQL 18 does not use: mount it at /var/lib/postgresql"
  fi
}

make_cluster() {
  [ -n "$POSTGRES_PASSWORD" ] || [ "${POSTGRES_HOST_AUTH_METHOD:-}" = trust ] ||
    fail "the database is not made yet and has no superuser password: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE"
  local wal=()
  [ -z "${POSTGRES_INITDB_WALDIR:-}" ] || wal=(--waldir "$POSTGRES_INITDB_WALDIR")
  # POSTGRES_INITDB_ARGS is a line of shell words, quotes included.
  eval 'initdb --username="$POSTGRES_USER" --pwfile=<(printf "%s\n" "$POSTGRES_PASSWORD") "${wal[@]}" '"$POSTGRES_INITDB_ARGS"
  local method=${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption "$@")}
  printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
}

query() {
  PGHOST='' PGHOSTADDR='' PGPASSWORD=$POSTGRES_PASSWORD \
    psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc --username "$POSTGRES_USER" "$@"
}

run_init_files() {
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh)
        echo "entrypoint: running $file"
        if [ -x "$file" ]; then "$file"; else . "$file"; fi
        ;;
      *.sql) echo "entrypoint: running $file" && query --dbname "$POSTGRES_DB" -f "$file" ;;
      *.sql.gz) echo "entrypoint: running $file" && gunzip -c "$file" | query --dbname "$POSTGRES_DB" ;;
      *.sql.xz) echo "entrypoint: running $file" && xzcat "$file" | query --dbname "$POSTGRES_DB" ;;
      *.sql.zst) echo "entrypoint: running $file" && zstd -dc "$file" | query --dbname "$POSTGRES_DB" ;;
      */\*) ;;
      *) echo "entrypoint: ignoring $file" ;;
    esac
  done
}

# The first start's server answers on its socket alone, so nobody takes a half-made database for a ready one.
initialise() {
  make_cluster "$@"
  export PGPASSWORD=$POSTGRES_PASSWORD
  NOTIFY_SOCKET='' pg_ctl -D "$PGDATA" -o "$(printf '%q ' "$@" -c listen_addresses= -p "${PGPORT:-5432}")" -w start
  if [ "$POSTGRES_DB" != postgres ]; then
    query --dbname postgres --set db="$POSTGRES_DB" <<<'create database :"db";'
  fi
  run_init_files
  pg_ctl -D "$PGDATA" -m fast -w stop
  unset PGPASSWORD
  echo 'entrypoint: the database is made; starting the server'
}

# initdb asks for the account's name. A uid that the image does not know gets one for this process.
name_this_user() {
  getent passwd "$(id -u)" >/dev/null && return
  local library
  for library in /usr/lib/*/libnss_wrapper.so; do
    [ -r "$library" ] || continue
    NSS_WRAPPER_PASSWD=$(mktemp) NSS_WRAPPER_GROUP=$(mktemp)
    echo "postgres:x:$(id -u):$(id -g):PostgreSQL:$PGDATA:/bin/false" >"$NSS_WRAPPER_PASSWD"
    echo "postgres:x:$(id -g):" >"$NSS_WRAPPER_GROUP"
    export LD_PRELOAD=$library NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
    return
  done
}

forget_name() {
  [ -n "${NSS_WRAPPER_PASSWD:-}" ] || return 0
  rm -f "$NSS_WRAPPER_PASSWD" "$NSS_WRAPPER_GROUP"
  unset LD_PRELOAD NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
}

asks_only() {
  local argument
  for argument; do
    case $argument in -'?' | --help | --describe-config | -V | --version) return 0 ;; esac
  done
  return 1
}

[ "${1:--}" = "${1#-}" ] || set -- postgres "$@"
if [ "$1" = postgres ] && ! asks_only "$@"; then
  if [ "$(id -u)" = 0 ]; then
    own_folders
    exec setpriv --reuid postgres --regid postgres --init-groups "$BASH_SOURCE" "$@"
  fi
  own_folders
  from_file POSTGRES_PASSWORD ''
  from_file POSTGRES_USER postgres
  from_file POSTGRES_DB "$POSTGRES_USER"
  from_file POSTGRES_INITDB_ARGS ''
  if [ ! -s "$PGDATA/PG_VERSION" ]; then
    refuse_old_mount
    name_this_user
    initialise "${@:2}"
    forget_name
  fi
fi
exec "$@"
