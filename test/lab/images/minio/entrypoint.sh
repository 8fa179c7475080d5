#!/bin/sh
# Starts MinIO's server with these arguments, as the account that the container was given. Follows the documented behaviour
# of the official image, so that what works here works there; its deprecated change of user is left out.
set -eu
[ "${1:-minio}" = minio ] || set -- minio "$@"
exec "$@"
