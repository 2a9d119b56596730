#!/bin/sh
# Prove the wheel alone: a fresh environment and a folder of its own, away from the checkout.
# Usage: sh tools/smoke.sh DIST
set -eu

checkout=$(pwd)
wheel=$(ls "$1"/socialstrike-*.whl)
version=$(basename "$wheel" | cut -d - -f 2)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/elsewhere"

"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip --disable-pip-version-check install -qq \
    -c constraints.txt "$wheel"

# Nothing of the checkout or of the caller's own socialstrike may help.
cd "$work/elsewhere"
unset PYTHONPATH
export SOCIALSTRIKE_HOME="$work/home" XDG_DATA_HOME="$work/data" TMPDIR="$work"

where=$("$work/venv/bin/python" -c 'import socialstrike; print(socialstrike.__file__)')
case $where in
    "$work"/*) ;;
    *) echo "smoke: socialstrike was imported from $where, not from the wheel" >&2; exit 1 ;;
esac

said=$("$work/venv/bin/socialstrike" --version)
case $said in
    *"$version"*) echo "$said" ;;
    *) echo "smoke: --version says '$said', the wheel is $version" >&2; exit 1 ;;
esac

case $("$work/venv/bin/socialstrike" --lang fr --help) in
    Utilisation*) ;;
    *) echo "smoke: the wheel lacks its translations" >&2; exit 1 ;;
esac

"$work/venv/bin/socialstrike" rehearse "$checkout/sample_posts/blocage24janvier.yaml" --in 10s

left=$(ls -A "$work/elsewhere")
if [ -n "$left" ]; then
    echo "smoke: the rehearsal left files where it was started: $left" >&2
    exit 1
fi
