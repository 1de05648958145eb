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
  if [ -z "$name" ] && ! { [ -t 0 ] && [ -t 1 ]; }; then
    name=$(id -un) # nobody is there to be asked
  fi
  "$node" init ${name:+--name "$name"}
  echo
fi

# The command is not on the PATH, so it is named as it can be typed.
shown=$node
[ "$PWD" != "$here" ] || shown=.venv/bin/p2pnode
echo "Next, in another window${P2PNODE_HOME:+, after  export P2PNODE_HOME=$(printf %q "$P2PNODE_HOME")}:"
cat <<TXT

  $shown init --new-network "Elm Street" --unit hour       start a network; then start the node again
  $shown join ADDRESS-OR-LINK                              join the network of a neighbour
  $shown offer publish --kind lend --title "Snowblower"    publish: a draft until then

Now the node starts, in ${home#* }. Ctrl-C stops it.
TXT
exec "$node" run "$@"
