"""A kind that a user adds: a file, and nothing else."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from p2pnode.bounds import MAX_OWN_KINDS
from p2pnode.home.folder import Home
from p2pnode.home.kinds import OwnKinds, read_kind
from protocols.drafts import Asked, draft_terms
from protocols.duties import DutyState
from protocols.errors import Refusal
from protocols.exchange import Status, evaluate
from protocols.fact import NO_DEAL, seal_fact
from protocols.limits import DAY, MINUTE
from protocols.payments import Payment
from protocols.terms import encode_terms
from tests.p2pnode.lab import Lab
from tests.protocols.deals import ANN, BOB, accept, say, terms_of
from tests.strategies import NOW, network

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "examples" / "kinds" / "tool-library.toml").read_text()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


def test_what_is_added_is_there_after_the_next_start(home: Home) -> None:
    kinds = OwnKinds(home)
    assert (kinds.by_name, kinds.notes) == ({}, [])
    assert kinds.add(TEXT, "my.toml") is kinds.by_name["tool-library"]
    kinds.add(TEXT.replace("Tool library", "Tools"), "my.toml")
    again = OwnKinds(home)
    assert again.notes == [] and again.by_name["tool-library"].title == "Tools"
    assert (home.kinds / "tool-library.toml").stat().st_mode & 0o077 == 0
    assert home.kinds.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.toml", b"kind = ", "x.toml: Invalid value"),
        ("other.toml", TEXT.encode(), "kind: a kind stands in a file of its name"),
        ("x.toml", b"\xff\xfe", "x.toml is left out: it is no text"),
        ("rent.toml", TEXT.replace("tool-library", "rent").encode(), "comes with the program"),
        ("x.toml", TEXT.encode() + b"#" * 100_000, "longer than"),
    ],
)
def test_a_wrong_file_is_left_out_with_a_note_and_stops_no_node(home: Home, name: str, data: bytes, said: str) -> None:
    OwnKinds(home).add(TEXT, "my.toml")
    (home.kinds / name).write_bytes(data)
    kinds = OwnKinds(home)
    assert list(kinds.by_name) == ["tool-library"]
    (note,) = kinds.notes
    assert said in note and name in note


def test_a_wrong_kind_is_refused_and_nothing_is_kept(home: Home) -> None:
    kinds = OwnKinds(home)
    for text in (TEXT.replace('"giver"', '"nobody"'), TEXT.replace("tool-library", "sell")):
        with pytest.raises(Refusal, match=r"my\.toml: "):
            kinds.add(text, "my.toml")
    assert kinds.by_name == {} and not home.kinds.exists()


def test_kinds_are_bounded(home: Home) -> None:
    kinds = OwnKinds(home)
    kinds.by_name.update({f"k{n}": read_kind(TEXT, "x") for n in range(MAX_OWN_KINDS)})
    with pytest.raises(Refusal, match="are enough"):
        kinds.add(TEXT, "my.toml")


def test_a_tool_library_with_a_yearly_fee_needs_a_template_and_nothing_else() -> None:
    """Drafted by the node, shown by it, and carried out to the end of the year."""
    lab = Lab(40)
    own = {"tool-library": read_kind(TEXT, "tool-library.toml")}
    for node in (lab.ben, lab.cleo):
        node.core.state.settings = replace(node.core.state.settings, kinds=own)
    kinds = {row["kind"]: row for row in lab.ask(lab.cleo, "kinds.list")}
    assert kinds["tool-library"]["own"] and not kinds["rent"]["own"]
    assert lab.ask(lab.cleo, "kinds.show", kind="tool-library")["duties"][0]["what"] == "pay the yearly fee of {price}"
    with pytest.raises(Refusal, match="no kind"):
        lab.ask(lab.cleo, "kinds.show", kind="nothing")
    made = lab.ask(lab.ben, "listing.publish", direction="offer", kind="tool-library", title="Shed", price="12")
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal, match="at a time"):
        lab.ask(lab.cleo, "exchange.propose", listing=made["listing_id"])
    year = {"start": lab.now + DAY, "end": lab.now + 366 * DAY}
    shown = lab.ask(lab.cleo, "exchange.propose", listing=made["listing_id"], quantity=1, **year)
    assert [d["id"] for d in shown["duties"]] == ["pay", "open", "clear", "fee-taker"]


def test_who_does_not_know_a_kind_is_told_so_and_what_to_try() -> None:
    lab = Lab(41)
    own = {"tool-library": read_kind(TEXT, "tool-library.toml")}
    lab.ben.core.state.settings = replace(lab.ben.core.state.settings, kinds=own)
    made = lab.ask(lab.ben, "listing.publish", direction="offer", kind="tool-library", title="Shed", price="12")
    known = lab.ask(lab.ben, "listing.publish", direction="offer", kind="sell", title="Saw", price="12")
    lab.sim.run(MINUTE)
    year = {"start": lab.now + DAY, "end": lab.now + 366 * DAY}
    (said,) = lab.ask(lab.cleo, "exchange.foresee", listing=made["listing_id"], **year)["warnings"]
    assert "a tool-library" in said and "plain terms" in said and "let Ben counter" in said and "kinds add" in said
    shown = lab.ask(lab.cleo, "exchange.propose", listing=made["listing_id"], **year)
    assert shown["warnings"] == [said] and [d["id"] for d in shown["duties"]] == ["work", "pay"]
    lab.sim.run(MINUTE)
    shown = lab.ask(lab.ben, "exchange.counter", id=shown["exchange_id"], form="full")
    assert shown["warnings"] == [] and [d["id"] for d in shown["duties"]] == ["pay", "open", "clear", "fee-taker"]
    lab.sim.run(MINUTE)
    assert lab.ask(lab.cleo, "exchange.counter", id=shown["exchange_id"], price="11")["warnings"] == [said]
    assert lab.ask(lab.cleo, "exchange.propose", listing=known["listing_id"])["warnings"] == []


def test_a_year_of_a_tool_library() -> None:
    of = read_kind(TEXT, "tool-library.toml")
    start, end = NOW + DAY, NOW + 366 * DAY
    plain = terms_of()
    terms = draft_terms(
        listing=plain.listing, name=plain.name, proposer=ANN.author, responder=BOB.author, offered=True,
        kind="tool-library", title="Shed", quantity=1, start=start, end=end, amount=1_200, unit="hour",
        price_text="12 hour", note="", previous=b"", expires=NOW + DAY, asked=Asked(full=True), of=of,
    )  # fmt: skip
    payload = encode_terms(terms)
    root = seal_fact(ANN, network=network(), deal=NO_DEAL, kind="propose", prev=terms.listing, at=NOW, payload=payload)
    yes = accept(root, BOB, root)
    assert [d.amount for d in terms.duties if d.on] == [300], "a quarter, for leaving before it begins"

    def at(now: int, payment: Payment, *facts: object):
        return evaluate([root, yes, *facts], {"pay": payment}, "hour", now, {"pay": NOW})

    seen = at(NOW, Payment.PENDING)
    assert seen.status is Status.AGREED and seen.deadlines["pay"] == NOW + 14 * DAY
    assert [d.id for d in seen.overdue(NOW + 15 * DAY)] == ["pay"]
    seen = at(NOW + 2 * DAY, Payment.SETTLED)
    assert seen.status is Status.ACTIVE and seen.deadlines == {"open": end, "clear": end + 7 * DAY}
    done = [say(root, BOB, "done", yes, end, duty="open"), say(root, ANN, "done", yes, end, duty="clear")]
    assert at(end, Payment.SETTLED, *done).duties["clear"] is DutyState.DONE
    seen = at(end + 15 * DAY, Payment.SETTLED, *done)
    assert seen.duties["clear"] is DutyState.CONFIRMED and seen.status is Status.SETTLED
    late = say(root, BOB, "default", yes, end + 8 * DAY, duty="clear")
    assert at(end + 8 * DAY, Payment.SETTLED, done[0], late).duties["clear"] is DutyState.DEFAULTED
