#!/usr/bin/env bash
# What only `make check` needs from the operating system. Installed where that needs no password; where it is not
# to be had, the tests that need it are skipped, and say so.
#
#   scripts/check-tools.sh            all of it
#   scripts/check-tools.sh browser    only what the tests in a browser need
#   scripts/check-tools.sh screens    that, and what makes pictures small
set -uo pipefail

as=()
if [ "$(id -u)" != 0 ]; then as=(sudo -n); fi

get() { # WHICH-TESTS PACKAGE…
  local which=$1
  shift
  [ $# != 0 ] || return 0
  if command -v apt-get >/dev/null && "${as[@]}" true 2>/dev/null; then
    echo "Installing with apt, for the tests: $*"
    { "${as[@]}" apt-get update -q && "${as[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -q -y --no-install-recommends "$@"; } >/dev/null 2>&1 </dev/null && return 0
  fi
  echo "SKIPPED: not here and not to be installed: $*; $which are skipped"
}

if [ -z "${1:-}" ]; then
  lacking=()
  command -v ip >/dev/null || [ -x /usr/sbin/ip ] || lacking+=(iproute2)
  command -v unshare >/dev/null || lacking+=(util-linux)
  command -v strace >/dev/null || lacking+=(strace)
  command -v mount >/dev/null || lacking+=(mount)
  command -v mkfs.ext4 >/dev/null || [ -x /usr/sbin/mkfs.ext4 ] || lacking+=(e2fsprogs)
  get "the tests that need them" "${lacking[@]}"
fi

# By itself: it is large, and where it cannot be had the others still can.
lacking=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || lacking+=(chromium)
[ -n "$(find /usr/share/fonts /usr/local/share/fonts "$HOME/.fonts" "$HOME/.local/share/fonts" -name '*.[to]tf' -print -quit 2>/dev/null)" ] ||
  lacking+=(fonts-dejavu-core)
get "the tests in a browser (tests/browser)" "${lacking[@]}"
if [ "${1:-}" = screens ] && ! command -v pngquant >/dev/null; then
  get "palettes for the pictures" pngquant
fi
exit 0
