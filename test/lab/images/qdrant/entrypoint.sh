#!/bin/sh
exec python3 /usr/lib/qdrant-edge/server.py "$@"
