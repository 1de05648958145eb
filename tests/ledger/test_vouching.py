import msgspec
import pytest

from ledger.audit import verify_chain
from ledger.balance import OverLimit
from ledger.chain import extend
from ledger.entry import encode_entry, parse_entry, settlement_of
from ledger.payloads import Settlement
from ledger.settlement import Append, Send
from ledger.vouching import (
    Vouch,
    VouchState,
    decode_vouch,
    encode_vouch,
    give_back,
    outstanding,
    receive,
    vouch,
    written,
)
from protocols.errors import Ignore, Refusal, Reject

from .people import ALICE, BOB, CAROL, DEAL, NET, Author, shown


class Pair:
    """A voucher and its subject; `step` lets one side answer the last entry of the other."""

    def __init__(self) -> None:
        self.sides = {ALICE.author: Author(ALICE, endowment=100), BOB.author: Author(BOB)}
        self.known: dict[bytes, Vouch | None] = {ALICE.author: None, BOB.author: None}

    def append(self, who: bytes, ask: object) -> None:
        assert isinstance(ask, Append)
        entry = self.sides[who].append(ask)
        self.known[who], sends = written(self.known[who], entry)
        assert sends[0].entry == self.known[who].mine  # type: ignore[union-attr]

    def last(self, who: bytes):  # type: ignore[no-untyped-def]
        return shown(self.sides[who].entries[-1])

    def step(self, to: bytes, origin: bytes) -> tuple[Append | Send, ...]:
        self.known[to], todo = receive(self.known[to], self.last(origin), to)
        for action in todo:
            if isinstance(action, Append):
                self.append(to, action)
        return todo

    def given(self) -> "Pair":
        self.append(ALICE.author, vouch(None, id=DEAL, subject=BOB.author, amount=60))
        self.step(BOB.author, ALICE.author)
        self.step(ALICE.author, BOB.author)
        return self

    def states(self) -> list[str]:
        return [str(v and v.state) for v in self.known.values()]


def test_a_vouch_moves_limit_and_comes_back() -> None:
    pair = Pair().given()
    a, b = pair.sides[ALICE.author], pair.sides[BOB.author]
    assert pair.states() == ["held", "taken"]
    assert (a.state.hold, b.state.limit) == (60, 60)
    assert not any(outstanding(v) for v in pair.known.values() if v)
    pair.append(BOB.author, give_back(pair.known[BOB.author]))
    assert outstanding(pair.known[BOB.author])  # type: ignore[arg-type]
    pair.step(ALICE.author, BOB.author)
    pair.step(BOB.author, ALICE.author)
    assert pair.states() == ["ended", "ended"]
    assert (a.state.hold, b.state.limit) == (0, 0)
    for author in (a, b):
        assert verify_chain(author.chain(), network=NET, author=author.author, endowment=author.endowment).ok


def test_duplicates_are_answered_with_the_same_bytes() -> None:
    pair = Pair()
    pair.append(ALICE.author, vouch(None, id=DEAL, subject=BOB.author, amount=60))
    proposal = pair.last(ALICE.author)
    pair.step(BOB.author, ALICE.author)
    taken = pair.known[BOB.author]
    assert taken is not None
    assert receive(taken, proposal, BOB.author) == (taken, (Send(ALICE.author, taken.mine),))
    pair.append(BOB.author, give_back(taken))  # before the voucher has heard of the acceptance
    returned = pair.known[BOB.author]
    assert returned is not None
    assert receive(returned, proposal, BOB.author) == (returned, (Send(ALICE.author, returned.mine),))
    back = pair.last(BOB.author)
    pair.step(ALICE.author, BOB.author)
    ended = pair.known[ALICE.author]
    assert ended is not None and ended.state == VouchState.ENDED
    assert receive(ended, back, ALICE.author) == (ended, (Send(BOB.author, ended.mine),))


def test_what_was_vouched_for_cannot_be_promised_elsewhere() -> None:
    pair = Pair().given()
    with pytest.raises(OverLimit):
        pair.sides[ALICE.author].write("PAY_PROPOSE", Settlement(BOB.author, 41, b"e" * 32))


def test_a_vouch_is_given_and_returned_once() -> None:
    pair = Pair().given()
    with pytest.raises(Refusal):
        vouch(pair.known[ALICE.author], id=DEAL, subject=BOB.author, amount=1)
    with pytest.raises(Refusal):
        vouch(None, id=DEAL, subject=BOB.author, amount=0)
    for known in (None, pair.known[ALICE.author]):
        with pytest.raises(Refusal):
            give_back(known)
    pair.append(BOB.author, give_back(pair.known[BOB.author]))
    with pytest.raises(Refusal):
        give_back(pair.known[BOB.author])


def test_strangers_and_other_words() -> None:
    pair = Pair().given()
    taken = pair.known[BOB.author]
    carol = Author(CAROL, endowment=100)
    with pytest.raises(Ignore):
        receive(taken, shown(carol.write("VOUCH", Settlement(BOB.author, 60, DEAL))), BOB.author)
    with pytest.raises(Ignore):
        receive(None, pair.last(BOB.author), ALICE.author)
    alice = Author(endowment=100)
    with pytest.raises(Reject):
        receive(taken, shown(alice.write("VOUCH", Settlement(BOB.author, 59, DEAL))), BOB.author)
    # a return that the subject did not write, or of another vouch, frees nothing
    bob = Author(BOB, endowment=100)
    other = bob.write("VOUCH_RETURN", Settlement(ALICE.author, 60, b"e" * 32))
    with pytest.raises(Ignore):
        receive(pair.known[ALICE.author], shown(other), ALICE.author)


@pytest.mark.parametrize("kind", ["VOUCH_ACCEPT", "UNVOUCH"])
def test_an_answer_must_embed_exactly_what_we_sent(kind: str) -> None:
    pair = Pair()
    pair.append(ALICE.author, vouch(None, id=DEAL, subject=BOB.author, amount=60))
    me, other = ALICE.author, BOB.author
    if kind == "UNVOUCH":
        pair = Pair().given()
        pair.append(BOB.author, give_back(pair.known[BOB.author]))
        me, other = other, me
    pair.step(other, me)
    answer = pair.sides[other].entries[-1]
    assert answer.kind == kind
    said = settlement_of(answer)
    assert said is not None
    sent = parse_entry(said.half)
    resigned = encode_entry(msgspec.structs.replace(sent, signature=bytes(64)))
    author = pair.sides[other]
    state = msgspec.structs.replace(author.state, hold=60)  # so that a second UNVOUCH can be written at all
    forged = msgspec.structs.replace(said, half=resigned)
    _, entry = extend(state, author.signer, kind, forged, None, 1, author.rng)
    with pytest.raises(Reject, match="embed"):
        receive(pair.known[me], shown(entry), me)


def test_the_stored_form() -> None:
    for known in Pair().given().known.values():
        assert known is not None and decode_vouch(encode_vouch(known)) == known
