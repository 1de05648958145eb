#!/usr/bin/env bash
# Writes the four lock files from pyproject.toml: the newest versions that it allows, with the hashes of all their
# files (wheels of every platform and the source), so that one file serves CPython 3.11 to 3.13 on x86-64 and aarch64.
#
#   make lock               take the newest versions
#   make lock KEEP=1        change only what pyproject.toml forces
set -euo pipefail
cd "$(dirname "$0")/.."

UV_VERSION=0.13.9 # a lock file differs a little from one resolver to the next: change it on its own
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT

# The pip configuration of whoever runs this must not leave its own hosts or folders in the files.
while read -r name; do unset "$name"; done < <(compgen -e | grep -E '^(PIP|UV)_(.*INDEX.*|FIND_LINKS|CONFIG_FILE)$' || true)
export PIP_CONFIG_FILE=/dev/null UV_NO_CONFIG=1 UV_CUSTOM_COMPILE_COMMAND="make lock"

python=$(scripts/python.sh)
"$python" -m venv "$tool"
"$tool/bin/pip" install --quiet --disable-pip-version-check "uv==$UV_VERSION"

printf 'setuptools>=77\nwheel\n' >"$tool/build.in"
[ -n "${KEEP:-}" ] || rm -f requirements.lock requirements-dev.lock requirements-fuzz.lock requirements-build.lock

compile() { # OUTPUT INPUT [OPTION…]
  local output=$1
  shift
  "$tool/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-annotate --output-file "$output" "$@"
  printf '%-24s %s packages\n' "$output" "$(grep -c '==.*\\$' "$output")"
}
compile requirements-build.lock "$tool/build.in"
compile requirements.lock pyproject.toml
compile requirements-dev.lock --extra dev --constraint requirements.lock pyproject.toml
compile requirements-fuzz.lock --extra dev --extra fuzz --constraint requirements-dev.lock pyproject.toml
