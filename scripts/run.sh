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
  area=${AREA:-}
  if [ -z "$name" ] && [ -t 0 ] && [ -t 1 ]; then
    read -r -p "Your name, as neighbours see it: " name
    echo "Where do you live? As 'lat,lon', geohash or plus code. Neighbours see a square of some 5 km, never the place."
    while read -r -p "Area (empty: nowhere): " area; do
      said=$("$node" init --name "${name:-x}" --area "$area" --dry-run 2>&1) && break
      echo "$said"
    done
  fi
  if [ -z "$name" ]; then
    name=$(id -un)
    echo "Neighbours will see you as $name, your user name here. To be called otherwise: NAME=Eve make run; later, 'name'"
    echo "in config.toml."
  fi
  # What init would say of the next steps, the node says below.
  "$node" init --name "$name" ${area:+--area "$area"} | sed '/^Start the node:/,$d'
fi

echo "The node starts, in ${home#* }"
[ -z "${P2PNODE_HOME:-}" ] || echo "In other windows, first:  export P2PNODE_HOME=$(printf %q "$P2PNODE_HOME")"

# Ctrl-C is the way to stop it, and no error: make would show one. The shell waits for the node in the background, so
# that signals reach both at once; SIGTERM stops the node, since a young one does not hear Ctrl-C in the background.
interrupted=
trap 'interrupted=1; kill -TERM "$child" 2>/dev/null || true' INT
trap 'kill -TERM "$child" 2>/dev/null || true' TERM HUP
"$node" run "$@" &
child=$!
while :; do
  status=0
  wait "$child" || status=$?
  kill -0 "$child" 2>/dev/null || break # else a signal has only ended the waiting
done
if [ -n "$interrupted" ]; then
  case $status in 130 | 143) status=0 ;; esac
fi
exit "$status"
