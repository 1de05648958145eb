"""A ledger of many entries, made in this process by the node's own code, in the home of a node that does not run."""

import random

from ledger.payloads import Settlement
from p2pnode.core.effects import Write
from p2pnode.core.journal import Journal
from p2pnode.core.own_chain import OwnChain
from p2pnode.home.folder import Home
from p2pnode.home.keystore import load_keystore
from p2pnode.marker import Marked, Marker
from p2pnode.store import Store
from tests.e2e.nodes import Node

AT_A_TIME = 500  # entries in one commit
NOTES = 200  # bytes of a private payload


def grow(node: Node, count: int, now: int) -> None:
    """Append statements to a node's only ledger until it has so many entries; head record and marker keep step."""
    home = Home(node.home)
    keys, _ = load_keystore(home.keystore)
    author = keys.public.author
    rng = random.Random(count)
    disk = Store.open(home.store)
    store = Marked(disk, Marker(node.home.parent / "state" / "p2pnode" / f"{author.hex()[:32]}.json"))
    try:
        (network,) = store.heads()
        journal = Journal(store)
        chain = OwnChain(journal, keys.signer(), rng, network, endowment=0)
        chain.endowment = max(0, chain.state.limit)
        while chain.state.count < count:
            for _ in range(min(AT_A_TIME, count - chain.state.count)):
                said = Settlement(counterparty=rng.randbytes(32), amount=0, deal=rng.randbytes(32))
                chain.append("EVENT", said, rng.randbytes(NOTES), now)
            for effect in journal.take():
                assert isinstance(effect, Write)
                store.commit(effect.puts, effect.deletes, effect.durable, effect.heads)
            journal.committed()
    finally:
        store.close()
