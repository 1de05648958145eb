"""Whether our own chains are all there. A database that lost its end opens as if nothing were wrong; heads tell."""

from ledger.chain import decode_state
from ledger.entry import parse_entry
from ledger.head import missing_after
from p2pnode.core.keys import CHAIN, ENTRY, GENESIS, seq_key
from protocols.errors import Refusal, Reject

from .store import AnyStore


def check_chains(store: AnyStore) -> None:
    """`Refusal` if entries that were once acknowledged are gone: signing on from here would fork the chain."""
    heads = store.heads()
    networks = {key[len(GENESIS) :] for key, _ in store.scan(GENESIS)} | set(heads)
    for network in sorted(networks):
        count = sum(1 for _ in store.scan(ENTRY + network))
        head = heads.get(network)
        missing = missing_after(head, count, lambda seq, network=network: _id_at(store, network, seq))  # type: ignore[misc]
        stored = store.get(CHAIN + network)
        try:
            known = decode_state(stored).count if stored else 0
        except Reject:
            known = -1
        if not missing and known == count:
            continue
        named = f"entries {missing[0]} to {missing[-1]}" if missing else "its entries do not fit its state"
        raise Refusal(
            "failed",
            f"the ledger in network {network.hex()[:8]} is damaged: {named}",
            "Nothing was changed. Do not delete or repair anything: keep a copy of the folder, and restore a backup. "
            "Going on without these entries would sign a second history.",
        )


def _id_at(store: AnyStore, network: bytes, seq: int) -> bytes | None:
    stored = store.get(seq_key(network, seq))
    try:
        return parse_entry(stored).id if stored else None
    except Reject:
        return None
