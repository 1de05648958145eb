"""Authors and short ways to write entries, for the tests of the ledger."""

import random
from collections.abc import Callable, Sequence

import msgspec

from ledger.chain import ChainState, extend, start
from ledger.entry import Entry, encode_entry, parse_entry
from ledger.payloads import InceptPayload, Settlement
from ledger.settlement import Append, Deal, Decision, Send, propose, receive, written
from protocols.errors import Ignore, Reject
from protocols.identity import Signer, incept

NET = b"elm street 12345"
DEAL = b"d" * 32
ALICE, BOB, CAROL = (incept(name * 32)[0] for name in (b"a", b"b", b"c"))


class Author:
    """One author's chain, entry by entry."""

    def __init__(self, signer: Signer = ALICE, endowment: int = 0, seed: int = 1) -> None:
        self.signer = signer
        self.endowment = endowment
        self.rng = random.Random(seed)
        self.state: ChainState = start(NET, signer.author)
        self.entries: list[Entry] = []
        self.write("INCEPT", InceptPayload(), now=1)

    @property
    def author(self) -> bytes:
        return self.signer.author

    def write(
        self, kind: str, settlement: msgspec.Struct | None = None, private: bytes | None = None, now: int = 0
    ) -> Entry:
        endowment = self.endowment if kind == "INCEPT" else 0
        self.state, entry = extend(self.state, self.signer, kind, settlement, private, now, self.rng, endowment)
        self.entries.append(entry)
        return entry

    def append(self, ask: Append, now: int = 0) -> Entry:
        return self.write(ask.kind, ask.settlement, b"a note", now)

    def chain(self) -> list[bytes]:
        return [encode_entry(e, private=True) for e in self.entries]


def shown(entry: Entry) -> Entry:
    """As the counterparty sees it."""
    return parse_entry(encode_entry(entry))


def accept(entry: Entry, said: Settlement) -> Decision:
    return Decision.ACCEPT


def settle(payer: Author, payee: Author, amount: int, deal: bytes = DEAL, steps: int = 4, now: int = 10) -> list[Entry]:
    """PROPOSE, ACCEPT, COMPLETE, RECEIPT, or the first `steps` of them, through the machine."""
    ask = propose(None, deal=deal, counterparty=payee.author, amount=amount, expiry=0, terms=b"t" * 32)
    done: list[Entry] = []
    deals: dict[bytes, Deal | None] = {}
    people: Sequence[Author] = (payer, payee)
    for i in range(steps):
        who, other = people[i % 2], people[(i + 1) % 2]
        entry = who.append(ask, now)
        deals[who.author], _ = written(deals.get(who.author), entry)
        done.append(entry)
        after, todo = receive(deals.get(other.author), shown(entry), other.author, now, accept)
        if todo:
            assert isinstance(todo[0], Append) and not isinstance(todo[0], Send)
            ask = todo[0]
        else:
            deals[other.author] = after
    return done


def outcome(known: object, received: Callable[[], tuple[object, Sequence[object]]]) -> str:
    """What comes of a message to a machine in this state: the entries it has written, or in one word."""
    try:
        after, todo = received()
    except (Ignore, Reject):
        return "ignored"
    kinds = ", ".join(a.kind for a in todo if isinstance(a, Append))
    return kinds or ("again" if todo else "changed" if after != known else "nothing")
