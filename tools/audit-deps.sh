#!/bin/sh
# Ask the public vulnerability data about every release in constraints.txt. What could not be asked
# about was not checked: that is said, and is no success. pip-audit itself ends well then.
# Usage: sh tools/audit-deps.sh PIP-AUDIT; exit 0 none known, 1 some known, 3 not (all) checked
set -u

said=$(mktemp)
trap 'rm -f "$said"' EXIT
trap 'exit 1' HUP INT TERM

"$1" --requirement constraints.txt --no-deps --disable-pip --progress-spinner off \
    --timeout 10 >"$said" 2>&1
code=$?
all=$(grep -c '==' constraints.txt)
skipped=$(grep -c 'could not be audited' "$said")
grep -v 'could not be audited\|Skip Reason\|^-* -*$' "$said"
if grep -q '^Found [0-9]* known vulnerabilit' "$said"; then
    exit 1
fi
if [ "$code" -ne 0 ] || ! grep -q '^No known vulnerabilities found' "$said"; then
    skipped=$all
fi
if [ "$skipped" -gt 0 ]; then
    echo "audit-deps: NOT CHECKED: $skipped of $all releases; the vulnerability data could not be" \
        "read, so nothing is known about them" >&2
    exit 3
fi
