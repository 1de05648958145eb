"""A parcel is with exactly one party, whatever receipts there are and however they came."""

from dataclasses import dataclass
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.parcel import follow, passed, superfluous, trace
from protocols.receipt import NO_PREV, Receipt
from tests.protocols.custody import PARCEL, chain, receipt
from tests.strategies import NOW, signer

SENDER, ANNA, BEN, RECEIVER, EVE = 1, 2, 3, 4, 5


def who(number: int) -> bytes:
    return signer(number).author


def test_without_a_receipt_the_sender_has_it():
    found = trace([], [who(SENDER), who(ANNA)])
    assert (found.holder, found.path, found.last, found.whole) == (who(SENDER), (), NO_PREV, True)


def test_it_goes_from_hand_to_hand():
    made = chain([SENDER, ANNA, BEN, RECEIVER])
    for rows in permutations(made):
        found = trace(rows, [who(SENDER), who(ANNA)])
        assert list(found.path) == made and found.holder == who(RECEIVER) and found.whole and not found.forks


def test_it_may_come_back():
    made = chain([SENDER, ANNA, SENDER, ANNA])
    assert trace(made, [who(SENDER)]).holder == who(ANNA)


def test_who_did_not_hold_it_cannot_give_it():
    made = chain([SENDER, ANNA])
    false = [receipt(EVE, BEN, at=NOW - 5), receipt(EVE, BEN, made[0].id), receipt(BEN, EVE, made[0].id, NOW - 9)]
    found = trace([*made, *false], [who(SENDER), who(ANNA)])
    assert found.holder == who(ANNA) and found.path == tuple(made)


def test_who_gives_it_twice_has_signed_the_proof():
    first, second = receipt(SENDER, BEN, at=NOW + 1), receipt(SENDER, ANNA, at=NOW)
    on = receipt(BEN, RECEIVER, first.id, NOW + 2)
    found = trace([first, on, second], [who(SENDER)])
    assert found.holder == who(ANNA) and found.forks == ((second, first),)


def test_a_courier_who_knows_only_his_part_of_the_way_sees_that():
    made = chain([SENDER, ANNA, BEN, RECEIVER])
    found = trace(made[1:2], [who(ANNA), who(BEN)])
    assert (found.holder, found.origin, found.whole) == (who(BEN), who(ANNA), False)
    assert trace(made[1:], [who(ANNA), who(BEN)]).holder == who(RECEIVER)
    assert trace(made, [who(ANNA), who(BEN)]).path == tuple(made)


def test_a_parcel_of_which_only_others_speak_has_not_left_the_sender():
    assert trace(chain([EVE, BEN]), [who(SENDER), who(ANNA)]).holder == who(SENDER)


@pytest.mark.parametrize("known", [0, 1])  # whether the courier has the receipt by which his customer got it
def test_who_gave_it_on_cannot_say_afterwards_that_he_was_its_sender(known):
    """A courier in the middle, and a friend of his, against the one after him, who has brought it."""
    made = chain([SENDER, ANNA, BEN, RECEIVER])[known:]
    false = receipt(ANNA, EVE, at=NOW - 5)
    terms = _terms(ANNA, BEN, recipient=who(RECEIVER))
    assert set(passed(terms, made)) == {"pickup", "dropoff"}
    assert passed(terms, [*made, false]) == passed(terms, made)
    assert trace([*made, false], [who(ANNA), who(BEN)]).holder == who(RECEIVER)


def test_a_courier_cannot_have_it_from_somebody_else_than_his_customer():
    made = chain([SENDER, ANNA])
    false = receipt(EVE, BEN, at=NOW - 5)
    assert passed(_terms(ANNA, BEN, recipient=who(RECEIVER)), [*made, false]) == {}
    made = chain([SENDER, ANNA, BEN, RECEIVER])
    assert trace([*made, false], [who(ANNA), who(BEN)]).path == tuple(made)


receipts_of_anybody = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 6), st.integers(0, 3)).filter(
        lambda t: t[0] != t[1]
    ),
    max_size=7,
)


def _made(rows: list[tuple[int, int, int, int]]) -> list[Receipt]:
    """Each names the sender's start or one of those before it, whether its giver took that one or not."""
    made: list[Receipt] = []
    for giver, taker, before, at in rows:
        prev = made[before - 1].id if 0 < before <= len(made) else NO_PREV
        made.append(receipt(giver, taker, prev, NOW + at))
    return made


@given(receipts_of_anybody, st.randoms())
def test_any_set_in_any_order_has_one_holder(rows, rng):
    made = _made(rows)
    found = trace(made, [who(1), who(2)])
    shuffled = [*made, *made[:2]]
    rng.shuffle(shuffled)
    assert trace(shuffled, [who(1), who(2)]) == found
    holder, prev = found.origin, found.path[0].prev if found.path else NO_PREV
    for step in found.path:  # each gives what he holds
        assert (step.giver, step.prev) == (holder, prev)
        holder, prev = step.taker, step.id
    assert holder == found.holder


@given(receipts_of_anybody, st.data())
def test_one_more_receipt_moves_it_on_or_is_half_of_a_proof(rows, data):
    made = _made(rows)
    if not made:
        return
    one = data.draw(st.sampled_from(made))
    before, after = follow([r for r in made if r.id != one.id], who(1)), follow(made, who(1))
    if after[: len(before)] != before:
        at = next(i for i, r in enumerate(before) if after[i] != r)
        assert after[at] == one and (one.giver, one.prev) == (before[at].giver, before[at].prev)
        assert (one.at, one.id) < (before[at].at, before[at].id)


@given(receipts_of_anybody)
def test_what_is_let_go_changes_nothing(rows):
    held: dict[bytes, Receipt] = {}
    made = _made(rows)
    for one in made:
        gone = superfluous(held.values(), one)
        held[one.id] = one
        for id_ in gone:
            del held[id_]
    assert follow(held.values(), who(1)) == follow(made, who(1))
    assert trace(held.values(), [who(1)]).forks == trace(made, [who(1)]).forks


@dataclass
class _Duty:
    id: str
    provider: bytes
    receiver: bytes
    custody: bool = True


@dataclass
class _Terms:
    """What `passed` looks at."""

    duties: tuple[_Duty, ...]
    recipient: bytes = b""
    door: bytes = b""
    parcel: bytes = PARCEL

    @property
    def parties(self):
        return (self.duties[0].receiver, self.duties[0].provider)


def _terms(customer: int, courier: int, **more) -> _Terms:
    duties = [_Duty(i, who(courier), who(customer)) for i in ("pickup", "dropoff")]
    return _Terms((*duties, _Duty("pay", who(customer), who(courier), False)), **more)


@pytest.mark.parametrize(
    ("people", "first", "second"),
    [
        ([], {}, {}),
        ([1, 2], {"pickup": 0}, {}),
        ([1, 2, 3], {"pickup": 0}, {"pickup": 1}),
        ([1, 2, 3, 4], {"pickup": 0, "dropoff": 2}, {"pickup": 1, "dropoff": 2}),
        ([1, 2, 1], {"pickup": 0}, {}),
        ([1, 4], {}, {}),
        ([1, 4, 1, 2], {"pickup": 2}, {}),
    ],
)
def test_which_duties_have_passed_it_on(people, first, second):
    made = chain(people)
    at = lambda names: {name: made[i].at for name, i in names.items()}  # noqa: E731
    assert passed(_terms(SENDER, ANNA, recipient=who(RECEIVER)), made) == at(first)
    assert passed(_terms(ANNA, BEN, recipient=who(RECEIVER)), made) == at(second)


def test_a_door_alone_is_opened_by_no_receipt():
    made = chain([SENDER, ANNA, SENDER])
    assert "dropoff" not in passed(_terms(SENDER, ANNA, door=b"d" * 32), made)
    assert "dropoff" in passed(_terms(SENDER, ANNA), made)
    assert passed(_terms(SENDER, ANNA, parcel=b""), made) == {}
