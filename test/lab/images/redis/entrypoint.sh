#!/bin/sh
# Starts Redis as its own account. Follows the documented behaviour of the official image, so that what works here
# works there.
set -eu

# Options or a configuration file alone mean the server.
case ${1:-redis-server} in
  -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "${1:-}" = redis-server ]; then
  if [ "$(id -u)" = 0 ] && [ -z "${SKIP_DROP_PRIVS:-}" ]; then
    # A folder with other things than Redis' own is somebody else's, and keeps its owner.
    if [ -z "${SKIP_FIX_PERMS:-}" ] && [ -z "$(find . -mindepth 1 -maxdepth 1 ! -name '*.rdb' ! -name appendonlydir)" ]; then
      find . ! -user redis -exec chown redis {} +
    fi
    exec setpriv --reuid redis --regid redis --clear-groups -- "$0" "$@"
  fi
  umask 0077
  # The official image is compiled without this default of the package's.
  case " $* " in
    *" --protected-mode "*) ;;
    *) set -- "$@" --protected-mode no ;;
  esac
fi
exec "$@"
