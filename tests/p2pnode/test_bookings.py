"""What is refused at signing, since a listing is taken, held or not to be had at that time."""

from typing import Any

import msgspec
import pytest

from p2pnode.core import drafting
from p2pnode.core.effects import Effect
from protocols import exchange_messages as messages
from protocols.booked import agreement, quantity_of
from protocols.codec import encode, plain
from protocols.double_booking import check_challenge, check_rebuttal, encode_challenge, encode_rebuttal
from protocols.errors import Refusal, Reject
from protocols.fact import NO_DEAL, Fact, Step, seal_fact
from protocols.identity import Signer
from protocols.limits import DAY, HOUR, MINUTE
from protocols.terms import Terms, encode_terms, parse_terms, terms_hash
from tests.p2pnode.lab import EVE, EVES_PEER, Lab, sent

SATURDAY = "FREQ=WEEKLY;BYDAY=SA"


class Rental:
    """Ben's mower: Cleo and Dora ask for it. start: a full hour five days ahead."""

    def __init__(self, seed: int = 7, form: str = "plain", **listing: Any) -> None:
        self.lab = lab = Lab(seed)
        self.form = form
        fields = {"direction": "offer", "kind": "rent", "title": "Mower", "price": "1/hour"} | listing
        self.listing = lab.ask(lab.ben, "listing.publish", **fields)["listing_id"]
        lab.sim.run(MINUTE)
        self.start = (lab.now // HOUR + 5 * 24) * HOUR

    def propose(self, node: Any, hour: int = 0, hours: int = 2, **more: Any) -> str:
        times = {"start": self.start + hour * HOUR, "end": self.start + (hour + hours) * HOUR, "form": self.form}
        id_ = self.lab.ask(node, "exchange.propose", listing=self.listing, **(times | more))["exchange_id"]
        self.lab.sim.run(MINUTE)
        return str(id_)

    def do(self, node: Any, verb: str, id_: str, **fields: Any) -> str:
        """One step; who accepts has read what he accepts."""
        if verb == "accept":
            self.lab.ask(node, "exchange.show", id=id_)
        status = self.lab.ask(node, f"exchange.{verb}", id=id_, **fields)["status"]
        self.lab.sim.run(MINUTE)
        return str(status)

    def refused(self, node: Any, verb: str, id_: str, **fields: Any) -> Refusal:
        with pytest.raises(Refusal) as e:
            self.do(node, verb, id_, **fields)
        assert e.value.code == "conflict"
        return e.value


@pytest.fixture
def mower() -> Rental:
    return Rental()


@pytest.fixture(params=["plain", "full"])
def either(request: pytest.FixtureRequest) -> Rental:
    return Rental(form=request.param)


def test_who_comes_second_is_told_what_is_free(either: Rental) -> None:
    lab = either.lab
    one, other = either.propose(lab.cleo), either.propose(lab.dora, hour=1)
    assert either.do(lab.ben, "accept", one) == "agreed"
    said = either.refused(lab.ben, "accept", other)
    assert f"exchange {one[:8]} has the same listing at that time; free: " in said.message and "(UTC)" in said.message
    assert "Counter with another time" in said.hint
    assert (
        "has the same listing"
        in either.refused(lab.ben, "counter", other, start=either.start, end=either.start + 1).message
    )
    end = either.start + 2 * HOUR
    assert either.do(lab.ben, "counter", other, start=end, end=end + HOUR) == "countered"  # as the other one goes
    assert either.do(lab.dora, "accept", other) == "agreed"


def test_an_offer_of_the_owners_holds_its_time_until_it_lapses(either: Rental) -> None:
    lab = either.lab
    one, other = either.propose(lab.cleo), either.propose(lab.dora)
    either.do(lab.ben, "counter", one, price="3/hour")
    said = either.refused(lab.ben, "accept", other)
    assert f"exchange {one[:8]} holds the same listing at that time" in said.message
    assert "holds" in either.refused(lab.ben, "counter", other, price="2/hour").message
    assert either.do(lab.cleo, "decline", one) == "declined"
    assert either.do(lab.ben, "accept", other) == "agreed"


def test_what_he_takes_back_may_still_be_accepted_and_so_holds(either: Rental, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafting, "OFFER_HOLD", HOUR)
    lab = either.lab
    one, other = either.propose(lab.cleo), either.propose(lab.dora)
    either.do(lab.ben, "counter", one, price="3/hour")
    assert either.do(lab.ben, "cancel", one) == "withdrawn"
    assert "holds" in either.refused(lab.ben, "accept", other).message
    lab.sim.run(HOUR)  # the offer has lapsed, and so has what the other one asked
    assert either.do(lab.ben, "accept", either.propose(lab.dora)) == "agreed"


def test_a_cancelled_booking_is_free_again(mower: Rental) -> None:
    lab = mower.lab
    one, other = mower.propose(lab.cleo), mower.propose(lab.dora)
    mower.do(lab.ben, "accept", one)
    mower.do(lab.cleo, "cancel", one)
    mower.refused(lab.ben, "accept", other)
    mower.do(lab.ben, "cancel", one)
    assert mower.do(lab.ben, "accept", other) == "agreed"


def test_one_who_may_cancel_alone_frees_it_alone() -> None:
    mower = Rental(form="full")
    lab = mower.lab
    one, other = mower.propose(lab.cleo), mower.propose(lab.dora)
    mower.do(lab.ben, "accept", one)
    assert mower.do(lab.cleo, "cancel", one) == "cancelled"
    assert mower.do(lab.ben, "accept", other) == "agreed"


def test_an_amendment_takes_no_time_that_is_taken_and_both_times_while_it_waits() -> None:
    mower = Rental(form="full")
    lab = mower.lab
    one, other, third = (mower.propose(node, hour) for node, hour in ((lab.cleo, 0), (lab.dora, 4), (lab.anna, 2)))
    mower.do(lab.ben, "accept", one)
    mower.do(lab.ben, "accept", other)
    times = {"start": mower.start + 3 * HOUR, "end": mower.start + 5 * HOUR}
    assert "has the same listing" in mower.refused(lab.ben, "amend", one, **times).message
    mower.do(lab.ben, "amend", one, start=mower.start + 2 * HOUR, end=mower.start + 4 * HOUR)
    assert "holds" in mower.refused(lab.ben, "accept", third).message
    late = mower.propose(lab.anna, 0)
    assert "has the same listing" in mower.refused(lab.ben, "accept", late).message
    mower.do(lab.cleo, "accept", one)
    assert mower.do(lab.ben, "accept", late) == "agreed"  # it was moved out of its way
    mower.refused(lab.ben, "accept", third)


def test_an_amendment_of_the_others_is_refused_to_who_would_accept_it() -> None:
    mower = Rental(form="full")
    lab = mower.lab
    one, other = mower.propose(lab.cleo), mower.propose(lab.dora, 4)
    mower.do(lab.ben, "accept", one)
    mower.do(lab.ben, "accept", other)
    mower.do(lab.cleo, "amend", one, start=mower.start + 3 * HOUR, end=mower.start + 5 * HOUR)
    mower.refused(lab.ben, "accept", one)


def test_as_many_as_there_are() -> None:
    mowers = Rental(quantity=2)
    lab = mowers.lab
    ids = [mowers.propose(node, hour) for node, hour in ((lab.cleo, 0), (lab.dora, 1), (lab.anna, 1))]
    for id_ in ids[:2]:
        mowers.do(lab.ben, "accept", id_)
    mowers.refused(lab.ben, "accept", ids[2])


@pytest.mark.parametrize("form", ["plain", "full"])
def test_several_at_once(form: str) -> None:
    chairs = Rental(form=form, kind="lend", title="Chairs", price=None, quantity=10)
    lab = chairs.lab
    ids = [chairs.propose(node, quantity=5) for node in (lab.cleo, lab.dora, lab.anna)]
    for id_ in ids[:2]:
        chairs.do(lab.ben, "accept", id_)
    terms = lab.ben.core.exchanges.held[bytes.fromhex(ids[0])].first
    assert (terms.capacity, quantity_of(terms)) == ((10, 5) if form == "full" else (0, 1))
    chairs.refused(lab.ben, "accept", ids[2])


def test_a_time_that_is_not_open_is_refused_to_who_asks_and_to_who_grants() -> None:
    mower = Rental(when=SATURDAY)
    lab = mower.lab
    day = next(d for d in range(7) if (mower.start // DAY + d + 3) % 7 == 5)  # 1 January 1970 was a Thursday
    noon = (mower.start // DAY + day) * DAY + 12 * HOUR
    wrong = noon + DAY
    with pytest.raises(Refusal) as e:
        lab.ask(lab.cleo, "exchange.propose", listing=mower.listing, start=wrong, end=wrong + HOUR)
    assert "not to be had at that time; free: Sat" in e.value.message and "24:00" in e.value.message
    with pytest.raises(Refusal):
        lab.ask(lab.cleo, "exchange.foresee", listing=mower.listing, start=noon, end=noon + DAY)
    one = lab.ask(lab.cleo, "exchange.propose", listing=mower.listing, start=noon, end=noon + HOUR)["exchange_id"]
    lab.sim.run(MINUTE)
    mower.refused(lab.ben, "counter", one, start=wrong, end=wrong + HOUR)
    assert mower.do(lab.ben, "accept", one) == "agreed"


def saturday(now: int, weeks: int = 1) -> int:
    """Ten o'clock, UTC, on a Saturday some weeks ahead; ms."""
    day = now // DAY + 7 * weeks
    return (day + (2 - day) % 7) * DAY + 10 * HOUR


def test_of_a_weekly_box_as_many_as_there_are_each_week() -> None:
    box = Rental(kind="food", title="Box", price="2", quantity=3, when=SATURDAY)
    lab = box.lab
    first, second = saturday(lab.now, 2), saturday(lab.now, 3)

    def order(node: Any, start: int, quantity: int) -> str:
        asked = {"listing": box.listing, "start": start, "end": start + HOUR, "quantity": quantity}
        id_ = lab.ask(node, "exchange.propose", **asked)["exchange_id"]
        lab.sim.run(MINUTE)
        return str(id_)

    box.do(lab.ben, "accept", order(lab.cleo, first, 2))
    later_that_day = order(lab.dora, first + 3 * HOUR, 2)
    assert "2 are wanted, 1 is left for Sat" in box.refused(lab.ben, "accept", later_that_day).message
    assert box.do(lab.ben, "counter", later_that_day, quantity=1) == "countered"
    assert box.do(lab.ben, "accept", order(lab.anna, second, 3)) == "agreed"


def test_orders_close_in_time_for_who_counters_too() -> None:
    lab = Lab(7)
    start = saturday(lab.now)
    hours = (start - lab.now) // HOUR + 1  # from now to the time, and a little more
    box = Rental(kind="food", title="Box", price="2", quantity=3, when=SATURDAY, tags=[f"orders={hours}h"])
    lab = box.lab
    with pytest.raises(Refusal) as e:
        lab.ask(lab.cleo, "exchange.propose", listing=box.listing, start=start, end=start + HOUR)
    assert "orders close" in e.value.message
    later = start + 7 * DAY
    one = lab.ask(lab.cleo, "exchange.propose", listing=box.listing, start=later, end=later + HOUR)["exchange_id"]
    lab.sim.run(MINUTE)
    assert box.do(lab.ben, "counter", one, price="3") == "countered"
    with pytest.raises(Refusal) as e:
        box.do(lab.cleo, "counter", one, start=start, end=start + HOUR)
    assert "orders close" in e.value.message
    assert box.do(lab.ben, "cancel", one) == "withdrawn"


# Terms that name the capacity: what an honest owner signs is never a double booking


def ask_for(mower: Rental, by: Signer, at: int = 0, **changes: Any) -> Fact:
    """As Cleo's proposal, by somebody else, and with a capacity."""
    held = mower.lab.ben.core.exchanges.held
    cleos = next(
        h for h in held.values() if parse_terms(h.proposal.payload).proposer == mower.lab.signer(mower.lab.cleo).author
    )
    terms = parse_terms(cleos.proposal.payload)
    old = terms.proposer
    duties = tuple(
        msgspec.structs.replace(
            d,
            provider=by.author if d.provider == old else d.provider,
            receiver=by.author if d.receiver == old else d.receiver,
        )
        for d in terms.duties
    )
    terms = msgspec.structs.replace(terms, proposer=by.author, duties=duties, form=2, **({"capacity": 1} | changes))
    network = mower.lab.network(mower.lab.ben).id
    fact = seal_fact(
        by, network=network, deal=NO_DEAL, kind="propose", prev=terms.listing, at=at or mower.lab.now,
        payload=encode_terms(terms),
    )  # fmt: skip
    assert sent(tell(mower, fact)) == [messages.Ack(fact.id)]
    return fact


def tell(mower: Rental, fact: Fact) -> list[Effect]:
    frame = messages.encode_message(messages.FactMessage(fact.wire))
    return mower.lab.tell(mower.lab.ben, messages.SECOND_PROTOCOL, frame)


def say(mower: Rental, by: Signer, fact: Fact, kind: str, at: int, payload: bytes = b"") -> Fact:
    said = seal_fact(by, network=fact.network, deal=fact.exchange_id, kind=kind, prev=fact.id, at=at, payload=payload)
    tell(mower, said)
    return said


def accepting(mower: Rental, by: Signer, offer: Fact, at: int) -> Fact:
    terms: Terms = parse_terms(offer.payload)
    step = Step(party=offer.author, terms=terms_hash(terms))
    return say(mower, by, offer, "accept", at, encode(plain(step)))


def said_by_ben(mower: Rental, root: Fact, kind: str) -> Fact:
    facts = mower.lab.ben.core.exchanges.held[root.id].facts.values()
    return next(f for f in facts if f.kind == kind and f.author == mower.lab.signer(mower.lab.ben).author)


def test_two_at_once_and_a_crash_between(mower: Rental) -> None:
    lab = mower.lab
    mower.propose(lab.cleo)
    lab.meet(lab.ben, EVES_PEER)
    one, other = ask_for(mower, EVE), ask_for(mower, EVE, lab.now + 1)
    mower.do(lab.ben, "accept", one.id.hex())
    lab.sim.crash(lab.ben, 1_000)
    lab.sim.run(MINUTE)
    mower.refused(lab.ben, "accept", other.id.hex())
    assert mower.do(lab.ben, "accept", one.id.hex()) == "agreed"  # again: nothing new is signed


def test_an_acceptance_that_comes_after_its_time_makes_nobody_guilty(
    mower: Rental, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ben's offer lapses unanswered; he gives the time to another; then an acceptance arrives that is dated in time."""
    monkeypatch.setattr(drafting, "OFFER_HOLD", HOUR)
    lab = mower.lab
    mower.propose(lab.cleo)
    lab.meet(lab.ben, EVES_PEER)
    one = ask_for(mower, EVE)
    lab.ask(lab.ben, "exchange.counter", id=one.id.hex())
    offer = said_by_ben(mower, one, "counter")
    in_time = parse_terms(offer.payload).expires
    lab.sim.run(in_time - lab.now + MINUTE)
    lab.meet(lab.ben, EVES_PEER)
    other = ask_for(mower, EVE, lab.now, expires=lab.now + DAY)
    lab.ask(lab.ben, "exchange.accept", id=other.id.hex())
    late = accepting(mower, EVE, offer, in_time)
    pair = [agreement(offer, late), agreement(other, said_by_ben(mower, other, "accept"))]
    with pytest.raises(Reject, match="lapsed"):
        check_challenge(encode_challenge(pair))


def test_an_offer_that_was_declined_and_accepted_all_the_same_is_rebutted(mower: Rental) -> None:
    lab = mower.lab
    mower.propose(lab.cleo)
    lab.meet(lab.ben, EVES_PEER)
    one, other = ask_for(mower, EVE), ask_for(mower, EVE, lab.now + 1)
    lab.ask(lab.ben, "exchange.counter", id=one.id.hex())
    offer = said_by_ben(mower, one, "counter")
    mower.refused(lab.ben, "accept", other.id.hex())
    declined = say(mower, EVE, offer, "decline", lab.now)
    lab.ask(lab.ben, "exchange.accept", id=other.id.hex())
    late = accepting(mower, EVE, offer, lab.now)
    challenge = encode_challenge([agreement(offer, late), agreement(other, said_by_ben(mower, other, "accept"))])
    assert check_challenge(challenge).booked == 2
    assert check_rebuttal(challenge, [encode_rebuttal([declined])]).reason == "declined"


def test_an_acceptance_that_is_none_frees_nothing(mower: Rental) -> None:
    """Else the one that follows it would bind, too, and nothing would rebut it."""
    lab = mower.lab
    mower.propose(lab.cleo)
    lab.meet(lab.ben, EVES_PEER)
    one, other = ask_for(mower, EVE), ask_for(mower, EVE, lab.now + 1)
    lab.ask(lab.ben, "exchange.counter", id=one.id.hex())
    offer = said_by_ben(mower, one, "counter")
    bogus = Step(party=offer.author, terms=bytes(31) + b"1")
    say(mower, EVE, offer, "accept", lab.now, encode(plain(bogus)))
    mower.refused(lab.ben, "accept", other.id.hex())
    mower.refused(lab.ben, "accept", other.id.hex())
    accepting(mower, EVE, offer, lab.now)
    assert "has the same listing" in mower.refused(lab.ben, "accept", other.id.hex()).message


def test_what_a_mediator_says_of_an_offer_frees_nothing(mower: Rental) -> None:
    """The other party may still accept it."""
    lab = mower.lab
    mower.form = "full"
    one, other = mower.propose(lab.cleo, mediator=lab.ask(lab.dora, "whoami")["peer_id"]), mower.propose(lab.anna, 2)
    mower.do(lab.ben, "accept", one)
    mower.do(lab.ben, "amend", one, start=mower.start + 2 * HOUR, end=mower.start + 4 * HOUR)
    offer = next(f for f in lab.ben.core.exchanges.held[bytes.fromhex(one)].facts.values() if f.kind == "amend")
    say(mower, lab.signer(lab.dora), offer, "decline", lab.now)
    assert "holds" in mower.refused(lab.ben, "accept", other).message


def test_terms_that_name_less_than_there_is_are_taken_at_that(mower: Rental) -> None:
    """Else two who each name a capacity of one would have a proof against an owner of three."""
    mowers = Rental(quantity=3)
    lab = mowers.lab
    mowers.propose(lab.cleo)
    lab.meet(lab.ben, EVES_PEER)
    one, other = ask_for(mowers, EVE), ask_for(mowers, EVE, lab.now + 1)
    mowers.do(lab.ben, "accept", one.id.hex())
    mowers.refused(lab.ben, "accept", other.id.hex())


def test_a_cancellation_that_is_dated_far_ahead_frees_nothing(mower: Rental) -> None:
    """It is not taken before its time has come; it would rebut nothing, either."""
    lab = mower.lab
    mower.propose(lab.cleo)
    lab.meet(lab.ben, EVES_PEER)
    one, other = ask_for(mower, EVE), ask_for(mower, EVE, lab.now + 1)
    lab.ask(lab.ben, "exchange.accept", id=one.id.hex())
    acceptance = said_by_ben(mower, one, "accept")
    say(mower, EVE, acceptance, "cancel", lab.now + DAY)
    assert mower.do(lab.ben, "cancel", one.id.hex()) == "agreed"
    mower.refused(lab.ben, "accept", other.id.hex())
    say(mower, EVE, acceptance, "cancel", lab.now)
    assert mower.do(lab.ben, "accept", other.id.hex()) == "agreed"


def test_an_offer_holds_its_time_though_a_contact_was_erased_before() -> None:
    mower = Rental(form="full")
    agreed = mower.propose(mower.lab.cleo)
    mower.do(mower.lab.ben, "accept", agreed)
    mower.lab.ask(mower.lab.cleo, "exchange.contact", id=agreed, phone="030 1234")
    mower.lab.sim.run(MINUTE)
    other = mower.propose(mower.lab.dora, hour=10)
    mower.lab.ask(mower.lab.ben, "calendar")  # all facts were looked at, the contact among them
    mower.lab.ask(mower.lab.ben, "exchange.erase", id=agreed)
    start = mower.start + 10 * HOUR
    mower.do(mower.lab.ben, "amend", agreed, start=start, end=start + 2 * HOUR)
    assert "you offered it there" in mower.refused(mower.lab.ben, "accept", other).message
