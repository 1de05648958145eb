#!/usr/bin/env bash
# make run: from a fresh clone to a running node. Arguments go to `p2pnode run`.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
"$here/scripts/setup.sh" run

node=$here/.venv/bin/p2pnode
home=$("$here/.venv/bin/python" -c '
from p2pnode.home.folder import Home, default_home
home = Home(default_home())
print("old" if home.initialised else "new", home.root)')

if [ "${home%% *}" = new ]; then
  name=${NAME:-}
  if [ -z "$name" ] && [ -t 0 ] && [ -t 1 ]; then
    read -r -p "Your name, as neighbours see it: " name
  fi
  # What init would say of the next steps, the node says below.
  "$node" init --name "${name:-$(id -un)}" | sed '/^Start the node:/,$d'
fi

echo "The node starts, in ${home#* }"
[ -z "${P2PNODE_HOME:-}" ] || echo "In other windows, first:  export P2PNODE_HOME=$(printf %q "$P2PNODE_HOME")"
exec "$node" run "$@"
