#!/bin/sh
# Starts Valkey as its own account. Follows the documented behaviour of the official image, so that what works here works
# there.
set -eu

# Options or a configuration file alone mean the server.
case ${1:-valkey-server} in
  -* | *.conf) set -- valkey-server "$@" ;;
esac

if [ "${1:-}" = valkey-server ]; then
  if [ "$(id -u)" = 0 ]; then
    find . ! -user valkey -exec chown valkey {} +
    exec setpriv --reuid valkey --regid valkey --clear-groups -- "$0" "$@"
  fi
  if [ ! -w . ]; then
    echo "entrypoint: user $(id -u) cannot write $PWD" >&2
    exit 1
  fi
  umask 0077
  set -- "$@" ${VALKEY_EXTRA_FLAGS:-}
  # The official image is compiled without this default of the package's.
  case " $* " in
    *" --protected-mode "*) ;;
    *) set -- "$@" --protected-mode no ;;
  esac
fi
exec "$@"
