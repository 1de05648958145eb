"""Whether our own chains are all there. A database that lost its end opens as if nothing were wrong; heads tell.

What is missing is named, and fetched from neighbours (p2pnode/core/recovery.py); until then nothing is signed. Any
other damage stops the node. A copy of what was found is kept, and nothing is taken away but zeros at the end of a log.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from ledger.chain import ChainState, decode_state
from ledger.entry import parse_entry
from ledger.head import Head, missing_after
from p2pnode.core.keys import CHAIN, DOUBT, ENTRY, GENESIS, seq_key
from protocols.codec import encode
from protocols.errors import Refusal, Reject

from .logs import zeroed_from
from .marker import Marker
from .store import AnyStore, Store, StoreDamaged


def open_store(folder: Path, aside: Path) -> tuple[Store, bool]:
    """Open a store, and say whether its newest log ended in zeros: then it is opened as if it had been cut short
    there, after a copy of what was found has been put aside. As `Store.open`, and `Refusal` if there is no room.
    """
    try:
        return Store.open(folder), False
    except StoreDamaged:
        log = max((folder / "db").glob("*.log"), default=None, key=lambda file: file.name)
        whole = None if log is None else zeroed_from(log.read_bytes())
        if log is None or whole is None:
            raise
    keep_copy(folder, aside)
    os.truncate(log, whole)
    return Store.open(folder), True


def check_chains(store: AnyStore) -> list[tuple[Head, range]]:
    """Chains that lost their end: the head record, and which entries are gone. `Refusal` for any other damage."""
    heads = store.heads()
    networks = {key[len(GENESIS) :] for key, _ in store.scan(GENESIS)} | set(heads)
    lost = []
    for network in sorted(networks):
        count = sum(1 for _ in store.scan(ENTRY + network))
        head = heads.get(network)
        missing = missing_after(head, count, lambda seq, network=network: _id_at(store, network, seq))  # type: ignore[misc]
        state = _state(store, network)
        if state is not None and state.count == count:
            if not missing:
                continue
            if head is not None and missing.start == count and _id_at(store, network, count - 1) in (None, state.head):
                lost.append((head, missing))
                continue
        named = f"entries {missing[0]} to {missing[-1]}" if missing else "its entries do not fit its state"
        raise Refusal(
            "failed",
            f"the ledger in network {network.hex()[:8]} is damaged: {named}",
            "Nothing was changed. Do not delete or repair anything: keep a copy of the folder, and restore a backup. "
            "Going on without these entries would sign a second history.",
        )
    return lost


def examine(store: AnyStore, marker: Marker, lost: Sequence[tuple[Head, range]]) -> None:
    """Note which chains are in doubt: those that lost their end, and those of which the marker says something else.

    lost: as `check_chains` found it. The marker of what is in doubt is left as it is.
    """
    puts: dict[bytes, bytes] = {}
    for head, _ in lost:
        puts[DOUBT + head.network] = encode([head.count, head.last])
    for key, value in store.scan(CHAIN):
        state = decode_state(value)
        row = DOUBT + state.network
        if row in puts or store.get(row) is not None:
            continue
        here, there = _head(key, state), marker.noted(state.network)
        if marker.agrees(here):
            marker.note([here])
        elif there is not None and there.count > here.count:
            puts[row] = encode([there.count, there.last])  # an older folder: so many there were
        else:
            puts[row] = encode([0, b""])
    for noted in marker.all_noted():
        row = DOUBT + noted.network
        if store.get(CHAIN + noted.network) is None and row not in puts and store.get(row) is None:
            puts[row] = encode([noted.count, noted.last])  # a folder from before we were there: we may join again
    if puts:
        store.commit(puts, (), True)


def keep_copy(folder: Path, target: Path) -> None:
    """Copy a damaged store aside, as it was found. `Refusal` if there is no room."""
    try:
        shutil.copytree(folder, target)
        target.chmod(0o700)
    except OSError as e:
        shutil.rmtree(target, ignore_errors=True)
        raise Refusal(
            "failed", f"the ledger lost its end, and no copy of it can be kept: {e}", "Free some space and start again."
        ) from e


def _head(key: bytes, state: ChainState) -> Head:
    return Head(key[len(CHAIN) :], state.count, state.head)


def _state(store: AnyStore, network: bytes) -> ChainState | None:
    """The stored state, or an empty one where there is none; None if it is damaged."""
    stored = store.get(CHAIN + network)
    try:
        return decode_state(stored) if stored else ChainState(network, bytes(32))
    except Reject:
        return None


def _id_at(store: AnyStore, network: bytes, seq: int) -> bytes | None:
    stored = store.get(seq_key(network, seq)) if seq >= 0 else None
    try:
        return parse_entry(stored).id if stored else None
    except Reject:
        return None
