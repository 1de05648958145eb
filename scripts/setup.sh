#!/usr/bin/env bash
# Makes .venv with the locked dependencies and this project in it. Quick when nothing has changed; may be
# interrupted at any point and started again.
#
#   scripts/setup.sh run      what a node needs
#   scripts/setup.sh dev      that, and what the tests need
#   scripts/setup.sh fuzz     that, and what make fuzz needs
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-run}
case $what in
  run) lock=requirements.lock ;;
  dev) lock=requirements-dev.lock ;;
  fuzz) lock=requirements-fuzz.lock ;;
  *) echo "usage: scripts/setup.sh run|dev|fuzz" >&2 && exit 2 ;;
esac

exec 9<Makefile
if ! flock --nonblock 9; then
  echo "Another set-up is at work in this folder; waiting for it…" >&2
  flock 9
fi

say() { printf '%s\n' "$@" >&2; }
fail() { # LINE…
  say "" "$@"
  exit 1
}

# ---- is there anything to do? ---------------------------------------------------------------------------------

interpreter() { # what the venv was made with; empty if it does not run
  .venv/bin/python -c 'import pip, sys; print(sys.version, sys.base_prefix)' 2>/dev/null || true
}

fingerprint() { # LOCK: changes with everything that set-up depends on
  { cat requirements-build.lock "$1" pyproject.toml scripts/setup.sh && interpreter && pwd -P; } | sha256sum | cut -c1-32
}

is_done() { # NAME LOCK
  [ "$(cat ".venv/.ready-$1" 2>/dev/null)" = "$(fingerprint "$2")" ]
}

if [ ! -e .venv/.installing ]; then
  is_done fuzz requirements-fuzz.lock && exit 0 # each holds all that those before it hold
  [ "$what" = fuzz ] || { is_done dev requirements-dev.lock && exit 0; }
  is_done "$what" "$lock" && exit 0
fi

# ---- what the operating system must bring -----------------------------------------------------------------------

case $(uname -s)/$(uname -m) in
  Linux/x86_64 | Linux/aarch64) ;;
  Linux/armv*) fail "This is a 32-bit system: the node needs a 64-bit one (on a Raspberry Pi, the 64-bit Pi OS)." ;;
  *) say "Note: tried on Linux, x86-64 and aarch64; this is $(uname -sm)." ;;
esac

apt_install() { # PACKAGE…  as root, or with a sudo that does not ask; else says what to type
  local as=()
  if ! command -v apt-get >/dev/null; then
    fail "Needed, and not here: $*" "Install them (these are Debian's names) and type the same make command again."
  fi
  if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then
      as=(sudo -n)
    else
      fail "The fixed packages are built here and need some tools. Type this one line, then the same make command again:" \
        "" "  sudo apt-get update && sudo apt-get install -y $*"
    fi
  fi
  say "Installing with apt: $*"
  local log
  log=$(mktemp)
  if ! { "${as[@]}" apt-get update -q && "${as[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    fail "apt could not install: $*" "Without a network, connect and try again; else see what apt says above."
  fi
  rm -f "$log"
}

if ! python=$(scripts/python.sh 2>/dev/null); then
  if command -v apt-get >/dev/null && [ -z "${PYTHON:-}" ]; then
    apt_install python3 python3-venv python3-dev
  fi
  python=$(scripts/python.sh) || exit 1
fi

# Python.h, gmp.h and leveldb/db.h are looked for as the build will: by the compiler.
version=$("$python" -c 'import sys; print(f"{sys.version_info.major}.{sys.version_info.minor}")')
headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
finds() { # COMPILER LANGUAGE HEADER
  command -v "$1" >/dev/null && printf '#include <%s>\n' "$3" | "$1" -E -x "$2" -I "$headers" - >/dev/null 2>&1
}
if [ "$what" = fuzz ] && [ "$(uname -sm)" != "Linux x86_64" ]; then
  fail "make fuzz needs atheris, which comes built for Linux on x86-64 only; this is $(uname -sm)." \
    "make test tries all targets too, without it."
fi
lacking=()
finds gcc c stdlib.h || lacking+=(gcc libc6-dev)
finds gcc c gmp.h || lacking+=(libgmp-dev)
case $python in
  /usr/bin/*) finds gcc c Python.h || lacking+=("python$version-dev") ;;
  *) [ -e "$headers/Python.h" ] || fail "$python has no headers (Python.h in $headers)." \
    "Install its development files, or name another: make run PYTHON=/usr/bin/python3" ;;
esac
case $(uname -m)/$version in
  x86_64/3.11 | x86_64/3.12) ;; # plyvel comes built for these
  *)
    finds g++ c++ cstdlib || lacking+=(g++)
    finds g++ c++ leveldb/db.h || lacking+=(libleveldb-dev)
    ;;
esac
[ ${#lacking[@]} = 0 ] || apt_install "${lacking[@]}"

# ---- the venv --------------------------------------------------------------------------------------------------

if [ -e .venv/.installing ]; then
  say "The last set-up was interrupted: starting .venv afresh (what was downloaded is kept)."
  rm -rf .venv
elif [ -d .venv ] && [ -z "$(interpreter)" ]; then
  say "The Python that .venv was made with is gone: making it anew."
  rm -rf .venv
elif [ -d .venv ] && ! .venv/bin/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; then
  say "The Python in .venv is not a suitable one: making it anew with $version."
  rm -rf .venv
fi
if [ ! -d .venv ]; then
  say "Making .venv with Python $version ($python)"
  mkdir .venv
  touch .venv/.installing
  "$python" -m venv .venv
fi
touch .venv/.installing
rm -f .venv/.ready-*

log=.venv/setup.log
: >"$log"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_REQUIRE_VIRTUALENV=1

install() { # TITLE COUNT PIP-OPTION…: a line that counts, and on failure the reason
  local title=$1 count=$2 status=0
  shift 2
  # --use-pep517 and --no-build-isolation: sources are built with the locked setuptools, which is installed first.
  .venv/bin/python -m pip install --progress-bar off --retries 2 --no-build-isolation --use-pep517 "$@" \
    </dev/null 2>&1 | tee -a "$log" | progress "$title" "$count" || status=$?
  if [ $status != 0 ]; then
    rm -f .venv/.installing # pip itself stopped, and left nothing half-installed
    if grep -qE 'NewConnectionError|NameResolutionError|Temporary failure in name resolution|ConnectTimeout|Read timed out|ProxyError|Network is unreachable' "$log"; then
      fail "The package index cannot be reached. Connect to a network (or see that its proxy lets you) and try again;" \
        "what is already installed is kept. The whole of what pip said: $log"
    fi
    if grep -qE 'DO NOT MATCH THE HASHES|Hashes are required' "$log"; then
      fail "A downloaded package is not the one that was tested (its hash differs), and was not installed." \
        "See $log. A proxy or a private index may be serving its own builds."
    fi
    if grep -q 'No space left on device' "$log"; then
      fail "The disk is full: set-up needs about 400 MB here."
    fi
    grep -E 'error|ERROR' "$log" | tail -n 12 >&2
    fail "pip could not install what is locked in $lock. The whole of what it said: $log"
  fi
}

progress() { # one line that is written over on a terminal, some lines in a log
  local title=$1 count=$2 n=0 line live=0
  [ -t 2 ] && live=1
  [ $live = 1 ] || say "$title"
  while IFS= read -r line; do
    case $line in
      Collecting\ * | "Requirement already satisfied: "*)
        n=$((n + 1))
        line=${line#Requirement already satisfied: } line=${line#Collecting }
        if [ $live = 1 ]; then printf '\r\033[K%s: %d of %d, %s' "$title" "$n" "$count" "${line%%[ =]*}" >&2
        elif [ $((n % 20)) = 0 ]; then say "  $n of $count"; fi ;;
      *"Building wheel for "*": started"* | "Installing collected packages"*)
        line=${line%%:*} line=${line#"${line%%[! ]*}"} line=${line% (*}
        if [ $live = 1 ]; then printf '\r\033[K%s: %s…' "$title" "$(cut -c1-60 <<<"$line")" >&2
        else say "  $(cut -c1-60 <<<"$line")…"; fi ;;
    esac
  done
  [ $live = 0 ] || printf '\r\033[K%s: done\n' "$title" >&2
}

count() { grep -c '==.*\\$' "$1"; }

install "Build tools" "$(count requirements-build.lock)" --require-hashes -r requirements-build.lock
install "Locked packages (a few minutes the first time)" "$(count $lock)" --require-hashes -r "$lock"
install "p2pnode itself" 1 --no-deps --editable .
.venv/bin/python -m cli.man .venv/share/man/man1 # an editable package brings no man pages

fingerprint "$lock" >".venv/.ready-$what"
rm -f .venv/.installing
