#!/bin/sh
# Write constraints.txt from a fresh environment: exact versions alone, no address of any registry.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip --disable-pip-version-check install -qq -e '.[dev]'
"$work/venv/bin/python" -m pip freeze --exclude-editable | LC_ALL=C sort -f > "$work/pins"
if grep -v '^[A-Za-z0-9_.-]*==[^ ]*$' "$work/pins"; then
    echo "constraints: the lines above are not plain versions; constraints.txt was not changed" >&2
    exit 1
fi
{ grep '^#' constraints.txt; cat "$work/pins"; } > "$work/constraints.txt"
cp "$work/constraints.txt" constraints.txt
