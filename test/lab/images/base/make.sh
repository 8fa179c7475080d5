#!/bin/sh
# Debian forky's minimal system as one tar, from the mirror that this machine's apt is configured with.
# forky, because it is the release that packages the current servers (PostgreSQL 18, Valkey 9, Redis 8).
# usage: make.sh OUT.tar   (as root)
set -eu
out=$1
if ! command -v debootstrap >/dev/null; then
  apt-get update -q
  apt-get install -y -q --no-install-recommends debootstrap
fi
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | head -n 1)
[ -n "$mirror" ] || { echo "apt is configured with no Debian mirror." >&2; exit 1; }

dir=$(mktemp -d)
trap 'rm -rf --one-file-system "$dir"' EXIT
# An older debootstrap does not know forky by name; every release since sid's script is made the same way.
debootstrap --variant=minbase forky "$dir" "$mirror" /usr/share/debootstrap/scripts/sid

# A mirror may be a snapshot of an earlier day, whose release file has run out.
cat >"$dir/etc/apt/apt.conf.d/90lab" <<'EOF'
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
EOF
# Manuals and translations are read by nobody in a container.
cat >"$dir/etc/dpkg/dpkg.cfg.d/90lab" <<'EOF'
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
EOF
rm -rf "$dir"/var/cache/apt/* "$dir"/var/lib/apt/lists/* "$dir"/var/log/* \
  "$dir"/usr/share/doc/* "$dir"/usr/share/man/*
tar -C "$dir" --numeric-owner -cf "$out" .
