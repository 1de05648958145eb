"""The ledger beside others of its kind, where they are installed: py-ipv8's TokenTree and hypercore.

    .venv/bin/pip install pyipv8        (LGPL; in this environment, not in our lock files)
    npm install --prefix FOLDER hypercore@10, then: python -m bench.beside --hypercore FOLDER

They do other things than we do: a token is two hashes and a signature, without order, payload or a tree over all of it,
and is kept in memory; hypercore signs the root of its tree and writes its files without a sync. So each stands against
its own baseline as well, and the rates say only what kind of thing one pays for.
"""

import importlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from bench.ledger import NETWORK, Baseline, Writer
from bench.report import Figure, arguments, show
from ledger.audit import verify_chain
from p2pnode.core.keys import ENTRY
from p2pnode.store import Store

COUNT = 2_000
HERE = Path(__file__).parent


def rate(count: int, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def ours(folder: Path) -> list[Figure]:
    writer = Writer(Store.open(folder / "store"))
    singly = rate(500, lambda: [writer.append() for _ in range(500)])
    grouped = rate(5_000, lambda: [writer.append(100) for _ in range(50)])
    wires = [value for _, value in writer.store.scan(ENTRY + NETWORK)][:COUNT]
    audited = rate(len(wires), partial(verify_chain, wires, network=NETWORK, author=writer.signer.author))
    writer.store.close()
    return [
        Figure("ours_appends_per_second", singly, "1/s", "signed, in a tree, synced one by one"),
        Figure("ours_grouped_per_second", grouped, "1/s", "the same, 100 to a sync"),
        Figure("ours_audited_per_second", audited, "1/s", "entries of another's chain, every rule checked"),
    ]


def token_tree() -> list[Figure]:
    try:
        tree: Any = importlib.import_module("ipv8.attestation.tokentree.tree")
        crypto: Any = importlib.import_module("ipv8.keyvault.crypto")
    except ImportError:
        print("TokenTree is left out: pip install pyipv8", file=sys.stderr)
        return []
    key = crypto.default_eccrypto.generate_key("curve25519")
    mine = tree.TokenTree(private_key=key)

    def add() -> None:
        last = None
        for i in range(COUNT):
            last = mine.add(i.to_bytes(300, "big"), last)

    added = rate(COUNT, add)
    wire = mine.serialize_public()
    tokens = list(mine.elements.values())
    public = key.pub()

    def verify() -> None:
        assert all([public.verify(t.signature, t.get_plaintext()) for t in tokens])

    def read() -> None:
        assert tree.TokenTree(public_key=public).unserialize_public(wire)

    rounds = [(rate(COUNT, verify), rate(COUNT, read)) for _ in range(5)]
    audited = statistics.median(r for _, r in rounds)
    return [
        Figure("token_tree_appends_per_second", added, "1/s", "signed, in memory"),
        Figure("token_tree_audited_per_second", audited, "1/s", "tokens read and verified"),
        Figure("token_tree_audit_ratio", statistics.median(r / v for v, r in rounds), "", "of its own raw verify rate"),
    ]


def hypercore(installed: Path | None, folder: Path) -> list[Figure]:
    if installed is None or not (installed / "node_modules" / "hypercore").is_dir() or shutil.which("node") is None:
        print("hypercore is left out: --hypercore FOLDER, see the top of this file", file=sys.stderr)
        return []
    command = ["node", str(HERE / "hypercore.mjs"), str(folder / "hypercore"), "2000", "200", "450"]
    done = subprocess.run(command, cwd=installed, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return [
        Figure("hypercore_appends_per_second", found["single"], "1/s", "blocks of 450 bytes, not synced"),
        Figure("hypercore_grouped_per_second", found["grouped"], "1/s", "the same, 100 to an append"),
    ]


def baselines(folder: Path) -> list[Figure]:
    key = SigningKey(b"k" * 32)
    baseline = Baseline(folder)
    put = {b"key": bytes(450)}

    def sign() -> None:
        for _ in range(COUNT):
            key.sign(b"m" * 330)

    def write() -> None:
        for _ in range(500):
            baseline.write(put, bytes(104))

    return [
        Figure("raw_signatures_per_second", rate(COUNT, sign), "1/s", "PyNaCl alone"),
        Figure("raw_synced_writes_per_second", rate(500, write), "1/s", "LevelDB and a head slot"),
    ]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--hypercore", type=Path, help="the folder that hypercore was installed in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="p2pnode-beside-") as name:
        folder = Path(name)
        figures = baselines(folder) + ours(folder) + token_tree() + hypercore(options.hypercore, folder)
    return show("The ledger beside others", figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
