#!/usr/bin/env bash
# Builds the page for calls from a browser, console/ to console/dist, from where it goes into the binary.
#
# Called before every build, so it must be quick and quiet when nothing has changed: then it runs no tool and touches no
# network. Packages are installed as console/package-lock.json says, and only when that has changed.
set -euo pipefail
cd "$(dirname "$0")/../console"

digest() { cat "$@" | cksum | cut -d ' ' -f 1,2; }
# Whether the file $1 says that the digest $2 was the last one.
is_done() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

packages=$(digest package.json package-lock.json .npmrc)
if ! is_done node_modules/.installed "$packages"; then
    echo 'console: installing packages' >&2
    npm ci --no-progress --loglevel=error >&2
    echo "$packages" > node_modules/.installed
fi

mapfile -t sources < <(find index.html src public ./*.json ./*.ts -type f | LC_ALL=C sort)
source=$(digest "${sources[@]}")
if ! is_done node_modules/.built "$source" || [ ! -f dist/index.html ] || [ ! -f dist/widget.js ]; then
    echo 'console: building the page' >&2
    npm run --silent build >&2
    echo "$source" > node_modules/.built
fi
