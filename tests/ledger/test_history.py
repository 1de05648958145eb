"""The history of an exchange: what it shows, and that nothing in it can be changed or come from elsewhere."""

import pytest

from ledger.history import NO_HISTORY, check_history, encode_history
from protocols.codec import decode, encode
from protocols.duties import DutyState
from protocols.errors import Reject
from protocols.exchange import Status
from protocols.fact import Fact
from protocols.genesis import Genesis, found, network_id
from protocols.limits import DAY
from protocols.shown_keys import encode_with_keys
from tests.protocols.bookings import later, rotation
from tests.protocols.deals import ANN, BOB
from tests.protocols.full_deals import END, GRACE, START, Deal, booking
from tests.strategies import NOW

GENESIS = found(
    ANN,
    Genesis(
        name="Elm Street",
        unit="hour",
        decimals=2,
        endowments=((ANN.author, 10_000),),
        stewards=(ANN.author,),
        quorum=1,
        newcomer_limit=0,
        open=True,
        area="u33dc",
        salt=bytes(16),
    ),
    NOW,
)


class OfNetwork(Deal):
    """Its facts are of the network that the genesis founds."""

    network = network_id(GENESIS)


def no_show() -> Deal:
    deal = OfNetwork(booking())
    deal.say(ANN, "default", START + GRACE + 1, duty="handover")
    deal.say(BOB, "contact", START, sealed=b"x" * 80)
    return deal


def shown(facts: list[Fact], now: int = END) -> object:
    return check_history(encode_history(GENESIS.wire, facts, [], []), now)


def test_anybody_sees_who_did_not_do_his_part() -> None:
    history = check_history(encode_history(GENESIS.wire, no_show().facts, [], []), END)
    assert history.view.duties["handover"] is DutyState.DEFAULTED
    assert history.view.status is Status.ACTIVE
    assert [f.kind for f in history.facts] == ["propose", "accept", "default"], "what is sealed is left out"


def test_time_alone_shows_what_is_overdue() -> None:
    facts = OfNetwork(booking()).facts
    assert not check_history(encode_history(GENESIS.wire, facts, [], []), START).view.overdue(START)
    late = START + DAY
    assert [d.id for d in check_history(encode_history(GENESIS.wire, facts, [], []), late).view.overdue(late)] == [
        "fetch",
        "handover",
    ]


def test_facts_of_another_exchange_or_network_are_no_part_of_it() -> None:
    with pytest.raises(Reject, match="not the facts of one exchange"):
        shown([*no_show().facts, *OfNetwork(booking(title="Other")).facts])
    with pytest.raises(Reject, match="not the facts of one exchange"):
        shown(Deal(booking()).facts)
    with pytest.raises(Reject, match="not the facts of one exchange"):
        shown([])


def test_no_bit_of_it_can_be_changed() -> None:
    data = encode_history(GENESIS.wire, no_show().facts, [], [])
    whole = check_history(data, END).view
    for place in range(0, len(data), 7):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        try:
            view = check_history(changed, END).view
        except Reject:
            continue
        assert view == whole  # nothing that was said has changed


def test_a_payment_of_something_else_is_none_of_it() -> None:
    magic, version, genesis, facts, _, receipts = decode(encode_history(GENESIS.wire, no_show().facts, [], []))
    with pytest.raises(Reject):
        check_history(encode([magic, version, genesis, facts, [b"nonsense"], receipts]), END)
    with pytest.raises(Reject, match=NO_HISTORY):
        check_history(encode(["p2pnode-proof", 1, b"", [], [], []]), END)
    for other in (2, True):
        with pytest.raises(Reject, match=f"version {other}"):
            check_history(encode([magic, other, genesis, facts, [], receipts]), END)


def test_a_history_with_later_keys_shows_what_leads_to_them() -> None:
    deal = OfNetwork(booking())
    deal.say(later(2, 1), "done", START, duty="handover")
    file = encode_history(GENESIS.wire, deal.facts, [], [])
    with pytest.raises(Reject, match="key of this epoch"):
        check_history(file, END)
    shown = check_history(encode_with_keys(file, [rotation(2, 1)]), END)
    assert shown.view.duties["handover"] is DutyState.DONE
    with pytest.raises(Reject):
        check_history(encode_with_keys(file, [rotation(3, 1)]), END)
