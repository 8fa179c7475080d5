#!/bin/sh
# Starts one of SeaweedFS' servers as its own account. Follows the documented behaviour of the official image, defaults in
# front of the arguments included, so that what works here works there.
set -eu

if [ "$(id -u)" = 0 ]; then
  [ "$(stat -c %u /data)" = 1000 ] || chown -R seaweed:seaweed /data
  exec setpriv --reuid seaweed --regid seaweed --clear-groups -- "$0" "$@"
fi

# Of one option given twice the server takes the last.
case ${1:-} in
  server)
    shift
    set -- server -dir=/data -volume.max=0 -master.volumePreallocate -master.volumeSizeLimitMB=1024 "$@"
    ;;
  master)
    shift
    set -- master -mdir=/data -volumePreallocate -volumeSizeLimitMB=1024 "$@"
    ;;
  volume)
    shift
    set -- volume -dir=/data -max=0 "$@"
    ;;
esac
exec /usr/bin/weed -logtostderr=true "$@"
