#!/usr/bin/env bash
# What only `make check` needs from the operating system. Installed where that needs no password; where it is not
# to be had, the tests that need it are skipped, and say so.
set -uo pipefail

lacking=()
command -v ip >/dev/null || [ -x /usr/sbin/ip ] || lacking+=(iproute2)
command -v unshare >/dev/null || lacking+=(util-linux)
command -v strace >/dev/null || lacking+=(strace)
command -v mount >/dev/null || lacking+=(mount)
command -v mkfs.ext4 >/dev/null || [ -x /usr/sbin/mkfs.ext4 ] || lacking+=(e2fsprogs)
[ ${#lacking[@]} != 0 ] || exit 0

as=()
if [ "$(id -u)" != 0 ]; then as=(sudo -n); fi
if command -v apt-get >/dev/null && "${as[@]}" true 2>/dev/null; then
  echo "Installing with apt, for the tests: ${lacking[*]}"
  { "${as[@]}" apt-get update -q && "${as[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${lacking[@]}"; } >/dev/null 2>&1 </dev/null && exit 0
fi
echo "SKIPPED: not here and not to be installed: ${lacking[*]}; the tests that need them are skipped"
