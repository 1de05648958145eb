import msgspec
import pytest

from ledger.audit import verify_chain
from ledger.balance import OverLimit
from ledger.chain import extend
from ledger.entry import encode_entry, parse_entry, settlement_of
from ledger.lending import MAX_PARTS
from ledger.payloads import Settlement
from ledger.settlement import Append, Send
from ledger.vouching import (
    MAX_UNANSWERED,
    Vouch,
    VouchState,
    asked,
    decode_vouch,
    due,
    encode_vouch,
    give_back,
    outstanding,
    receive,
    take_over,
    vouch,
    written,
)
from protocols.errors import Ignore, Refusal, Reject

from .people import ALICE, BOB, CAROL, DEAL, NET, Author, settle, shown


class Pair:
    """A voucher and its subject; `step` lets one side answer the last entry of the other."""

    def __init__(self) -> None:
        self.sides = {ALICE.author: Author(ALICE, endowment=100), BOB.author: Author(BOB)}
        self.known: dict[bytes, Vouch | None] = {ALICE.author: None, BOB.author: None}

    def append(self, who: bytes, ask: object) -> None:
        assert isinstance(ask, Append)
        entry = self.sides[who].append(ask)
        self.known[who], sends = written(self.known[who], entry)
        assert [s.entry for s in sends] in ([encode_entry(entry)], [])

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
    assert receive(ended, back, ALICE.author) == (ended, (Send(BOB.author, ended.answer),))


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


def given() -> Pair:
    return Pair().given()


def sums(pair: Pair) -> list[tuple[int, int, int, int]]:
    """(left, returned, consumed, confirmed) of voucher and subject."""
    return [(v.left, v.returned, v.consumed, v.confirmed) for v in pair.known.values() if v]


def sound(pair: Pair) -> bool:
    return all(
        verify_chain(a.chain(), network=NET, author=a.author, endowment=a.endowment).ok for a in pair.sides.values()
    )


A, B = ALICE.author, BOB.author


def ask_back(pair: Pair, total: int) -> Append | None:
    for who in (A, B):
        pair.known[who] = asked(pair.known[who], total)  # type: ignore[arg-type]
    return due(pair.known[B], pair.sides[B].state.figures.spendable)  # type: ignore[arg-type]


def test_a_part_comes_back_and_the_rest_stands() -> None:
    pair = given()
    ask = ask_back(pair, 20)
    assert ask is not None and ask.settlement.amount == 20
    pair.append(B, ask)
    assert due(pair.known[B], 40) is None  # one at a time
    pair.step(A, B)
    pair.step(B, A)
    assert pair.states() == ["held", "taken"] and sums(pair) == [(40, 20, 0, 0)] * 2
    assert due(pair.known[B], 40) is None
    pair.append(B, give_back(pair.known[B]))
    pair.step(A, B)
    pair.step(B, A)
    assert pair.states() == ["ended", "ended"] and sound(pair)
    assert (pair.sides[A].state.hold, pair.sides[B].state.limit) == (0, 0)


def test_what_is_in_use_comes_back_as_it_is_earned() -> None:
    pair = given()
    bob = pair.sides[B]
    settle(bob, Author(CAROL), 50, b"5" * 32)
    ask = ask_back(pair, 60)
    assert ask is not None and ask.settlement.amount == 10
    pair.append(B, ask)
    pair.step(A, B)
    pair.step(B, A)
    assert due(pair.known[B], bob.state.figures.spendable) is None and pair.states() == ["held", "taken"]
    settle(Author(CAROL, endowment=30), bob, 30, b"6" * 32)
    ask = due(pair.known[B], bob.state.figures.spendable)
    assert ask is not None and ask.settlement.amount == 30
    assert asked(pair.known[B], 5) == pair.known[B]  # type: ignore[arg-type]


def test_the_voucher_takes_over_what_will_not_return() -> None:
    pair = given()
    settle(pair.sides[B], Author(CAROL), 50, b"5" * 32)
    before = pair.sides[A].state.figures.spendable
    pair.append(A, take_over(pair.known[A], 50))
    a = pair.sides[A].state
    assert (a.balance, a.hold, a.figures.spendable) == (-50, 10, before)
    assert outstanding(pair.known[A])  # type: ignore[arg-type]
    pair.step(B, A)
    b = pair.sides[B].state
    assert (b.balance, b.limit) == (0, 10)
    pair.step(A, B)
    assert sums(pair) == [(10, 0, 50, 50), (10, 0, 50, 0)] and sound(pair)
    assert not any(outstanding(v) for v in pair.known.values() if v)
    assert isinstance(pair.step(B, A)[0], Send)  # a copy gets the same bytes
    with pytest.raises(Ignore):
        pair.step(A, B)


@pytest.mark.parametrize(("back", "over"), [(60, 60), (20, 60), (60, 20), (40, 40), (10, 20)])
@pytest.mark.parametrize("first", ["return", "take-over"])
def test_a_return_and_a_take_over_cross(back: int, over: int, first: str) -> None:
    pair = given()
    pair.append(B, give_back(pair.known[B], back))
    pair.append(A, take_over(pair.known[A], over))
    returned, consume = pair.last(B), pair.last(A)
    moves = [(A, returned), (B, consume)] if first == "return" else [(B, consume), (A, returned)]
    for _ in range(3):  # what is outstanding comes again and again, until nothing is
        for to, entry in moves:
            try:
                pair.known[to], todo = receive(pair.known[to], entry, to)
            except Ignore:
                continue
            for action in todo:
                if isinstance(action, Append):
                    pair.append(to, action)
        moves = [
            (s.counterparty, parse_entry(d))
            for v in pair.known.values()
            if v
            for s in outstanding(v)
            for d in [s.entry]
        ]
        moves += [(B if w == A else A, shown(e)) for w, x in pair.sides.items() for e in x.entries[-2:] if e.settlement]
    voucher, subject = sums(pair)
    assert voucher[0] == subject[0] == max(0, 60 - back - over)
    assert voucher[1] == subject[1] == back
    assert voucher[2] == voucher[3] == subject[2] == min(over, 60 - back)
    a, b = pair.sides[A].state, pair.sides[B].state
    assert a.balance + b.balance == 0 and a.hold == b.limit == voucher[0] and sound(pair)
    assert not any(outstanding(v) for v in pair.known.values() if v)
    for who, v in pair.known.items():  # a fold over the own chain comes to the same sums
        again: Vouch | None = None
        for entry in pair.sides[who].entries[1:]:
            again, _ = written(again, shown(entry))
        assert again and v and (again.left, again.returned, again.consumed) == (v.left, v.returned, v.consumed)


def test_take_overs_are_bounded_and_only_of_what_is_left() -> None:
    pair = Pair()
    pair.append(A, vouch(None, id=DEAL, subject=B, amount=60))
    with pytest.raises(Refusal):
        take_over(pair.known[A], 1)  # not accepted yet
    pair = given()
    for amount in (0, 61):
        with pytest.raises(Refusal):
            take_over(pair.known[A], amount)
        with pytest.raises(Refusal):
            give_back(pair.known[B], amount)
    with pytest.raises(Refusal):
        take_over(pair.known[B], 1)
    for _ in range(MAX_UNANSWERED):
        pair.append(A, take_over(pair.known[A], 1))
    with pytest.raises(Refusal, match="wait"):
        take_over(pair.known[A], 1)
    for n in range(MAX_UNANSWERED):  # answered one after the other
        (send,) = outstanding(pair.known[A])  # type: ignore[arg-type]
        entry = parse_entry(send.entry)
        assert entry.id == pair.sides[A].entries[2 + n].id
        pair.known[B], todo = receive(pair.known[B], entry, B)
        pair.append(B, todo[0])
        pair.step(A, B)
    assert sums(pair) == [(52, 0, 8, 8), (52, 0, 8, 0)] and sound(pair)


def test_who_returns_more_than_there_is_lies() -> None:
    pair = given()
    pair.append(A, take_over(pair.known[A], 50))
    pair.step(B, A)
    pair.step(A, B)
    bob = pair.sides[B]
    bob.write("VOUCH_RETURN", Settlement(A, 10, DEAL))
    pair.step(A, B)
    liar = Author(BOB, endowment=100)
    for n in range(5):
        liar.write("EVENT", Settlement(A, 0, bytes([n]) * 32))
    vouched = next(e for e in pair.sides[A].entries if e.kind == "VOUCH")
    liar.write("VOUCH_ACCEPT", Settlement(A, 60, DEAL, half=encode_entry(vouched)))
    more = liar.write("VOUCH_RETURN", Settlement(A, 20, DEAL))
    with pytest.raises(Reject, match="more comes back"):
        receive(pair.known[A], shown(more), A)


def test_nobody_fills_a_ledger_with_small_parts() -> None:
    """Each part costs the other side an entry, unasked."""
    pair = given()
    known = pair.known[B]
    assert known is not None
    many = msgspec.structs.replace(known, parts=MAX_PARTS, asked=20)
    assert due(many, 60) is None and due(msgspec.structs.replace(many, asked=60), 60) is not None
    voucher = pair.known[A]
    assert voucher is not None
    often = msgspec.structs.replace(voucher, parts=MAX_PARTS)
    with pytest.raises(Refusal, match="parts"):
        take_over(often, 1)
    assert take_over(often, 60)
    pair.append(B, give_back(known, 1))
    pair.append(A, take_over(voucher, 1))
    for who, entry in ((A, pair.last(B)), (B, pair.last(A))):
        mine = pair.known[who]
        assert mine is not None
        with pytest.raises(Ignore, match="parts"):
            receive(msgspec.structs.replace(mine, parts=2 * MAX_PARTS), entry, who)
        assert receive(msgspec.structs.replace(mine, parts=2 * MAX_PARTS - 1), entry, who)[1]
