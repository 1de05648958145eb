#!/usr/bin/env bash
# make run: from a fresh clone to a running node. Arguments go to `p2pnode run`.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
"$here/scripts/setup.sh" run

node=$here/.venv/bin/p2pnode
home=$("$here/.venv/bin/python" -c '
from p2pnode.home import Home, default_home
home = Home(default_home())
print("old" if home.initialised else "new", home.root)')

if [ "${home%% *}" = new ]; then
  name=${NAME:-}
  if [ -z "$name" ] && [ -t 0 ] && [ -t 1 ]; then
    read -r -p "Your name, as neighbours will see it [$(id -un)]: " name || true
  fi
  "$node" init --name "${name:-$(id -un)}"
  echo
fi

# The command is not on the PATH, so it is named as it can be typed from here.
shown=.venv/bin/p2pnode
[ "$PWD" = "$here" ] || shown=$node
cat <<TXT
The node of ${home#* } starts in this window; Ctrl-C stops it. In another window:

  $shown init --help                                      found a network (--new-network), before the start
  $shown join ADDRESS-OR-LINK                             join the network of a neighbour
  $shown offer publish --kind lend --title "Snowblower"   publish; until you have joined it is kept as a draft

TXT
exec "$node" run "$@"
