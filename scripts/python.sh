#!/usr/bin/env bash
# Prints a Python that can run the node: CPython 3.11 to 3.13, 64-bit, with the modules venv and sqlite3.
# PYTHON=/path/to/python names one; else the usual names are tried, and a shim that only says
# "not installed" is passed over because it fails.
set -uo pipefail

probe='
import platform, sys
missing = []
for name in ("venv", "ensurepip", "ssl", "sqlite3"):
    try:
        __import__(name)
    except ImportError:
        missing.append(name)
v = sys.version_info
if platform.python_implementation() != "CPython" or not (3, 11) <= v < (3, 14):
    sys.exit(f"{platform.python_implementation()} {v.major}.{v.minor}: wanted is CPython 3.11, 3.12 or 3.13")
if sys.maxsize < 2**32:
    sys.exit("a 32-bit Python: wanted is a 64-bit one")
if missing:
    print(f"{v.major}.{v.minor} lacks {chr(44).join(missing)}", file=sys.stderr)
    sys.exit(9)
print(sys.executable)
'

bare="" # otherwise suitable, but without venv: Debian ships that apart
reasons=""
for name in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
  path=$(command -v "$name" 2>/dev/null) || continue
  answer=$("$path" -c "$probe" 2>&1)
  case $? in
    0) tail -n 1 <<<"$answer" && exit 0 ;;
    9) bare=${bare:-$("$path" -c 'import sys; print(f"{sys.version_info.major}.{sys.version_info.minor}")')} ;;
  esac
  reasons+="  $path: $(tail -n 1 <<<"$answer")"$'\n'
done

{
  echo "No suitable Python found (CPython 3.11, 3.12 or 3.13, 64-bit, with venv)."
  printf '%s' "$reasons"
  if [ -n "$bare" ]; then
    echo "Python $bare is here without its venv module. Type:  apt-get install python$bare-venv"
  else
    echo "On Debian 12 or 13 and Raspberry Pi OS type:  apt-get install python3 python3-venv python3-dev"
  fi
  echo "Or name one yourself:  make run PYTHON=/path/to/python3.12"
} >&2
exit 1
