"""Block lists: what they hide from whom, that nothing else changes, and that whom they name can see it."""

from typing import Any

import msgspec
import pytest

from p2pnode import commands
from p2pnode.bounds import MAX_NAMING, MAX_NAMING_OF_ONE
from p2pnode.core.keys import ALLOWED, BLOCKED, BLOCKLIST, FOLLOWED, NOTICE
from protocols.blocklist import KIND, BlockEntry, BlockPage, page_name, parse_blocklist, seal_blocklist
from protocols.codec import decode, encode
from protocols.envelope import seal
from protocols.errors import Refusal, Reject
from protocols.identity import Signer, incept
from protocols.limits import DAY, MAX_LIFETIME
from tests.p2pnode.lab import Lab
from tests.sim.simulator import Node

SNOW = {"direction": "offer", "kind": "lend", "title": "Snowblower"}


@pytest.fixture
def lab() -> Lab:
    return Lab(7)


def publish(lab: Lab, node: Node, **fields: Any) -> str:
    made = lab.ask(node, "listing.publish", **{**SNOW, **fields})
    lab.sim.run(5_000)
    return str(made["listing_id"])


def street(lab: Lab, *named: str, **fields: Any) -> None:
    """Anna's list, which names Cleo, published."""
    for peer in named or ("Cleo",):
        said = {"reason": "spam", "text": "forty times the same", **fields}
        lab.ask(lab.anna, "blocklist.add", name="street", **({} if "listing" in said else {"peer": peer}), **said)
    lab.ask(lab.anna, "blocklist.publish", name="street")
    lab.sim.run(5_000)


def follow(lab: Lab, node: Node) -> None:
    lab.ask(node, "blocklist.subscribe", peer="Anna", name="street")


def why(lab: Lab, node: Node, listing: str) -> list[tuple[str, str, str, str]]:
    shown = lab.ask(node, "listing.show", id=listing)
    return [(w["by_name"], w["list"], w["reason"], w["text"]) for w in shown["hidden"]]


ANNAS = ("Anna", "street", "spam", "forty times the same")


def test_a_list_hides_for_those_who_follow_it_and_nobody_else(lab):
    listing = publish(lab, lab.cleo)
    street(lab)
    assert why(lab, lab.ben, listing) == []
    follow(lab, lab.ben)
    assert why(lab, lab.ben, listing) == [ANNAS]
    assert why(lab, lab.dora, listing) == []
    assert lab.ask(lab.ben, "status")["hiding"] and not lab.ask(lab.dora, "status")["hiding"]
    [row] = lab.ask(lab.ben, "blocklist.list")
    assert (row["name"], row["author_name"], row["entries"], row["followed"]) == ("street", "Anna", 1, True)
    [named] = lab.ask(lab.ben, "blocklist.show", peer="Anna")["named"]
    assert (named["author_name"], named["reason"], named["text"]) == ("Cleo", "spam", "forty times the same")
    [gone] = lab.ask(lab.ben, "blocklist.unsubscribe", peer="Anna")
    assert not gone["followed"] and why(lab, lab.ben, listing) == []
    assert not list(lab.ben.disk.scan(FOLLOWED))


def test_our_own_word_beats_a_list_and_the_nearer_the_other(lab):
    listing, other = publish(lab, lab.cleo), publish(lab, lab.cleo, title="Ladder")
    street(lab)
    follow(lab, lab.ben)
    lab.ask(lab.ben, "blocklist.allow", listing=listing)
    assert why(lab, lab.ben, listing) == [] and why(lab, lab.ben, other) == [ANNAS]
    lab.ask(lab.ben, "blocklist.allow", peer="Cleo")
    assert why(lab, lab.ben, other) == []
    lab.ask(lab.ben, "blocklist.add", listing=other, text="a rung is missing", reason="unsafe")
    assert why(lab, lab.ben, other) == [("Ben", "mine", "unsafe", "a rung is missing")]
    with pytest.raises(Refusal, match="your own list 'mine' names it"):
        lab.ask(lab.ben, "blocklist.allow", listing=other)
    lab.ask(lab.ben, "blocklist.remove", listing=other)
    lab.ask(lab.ben, "blocklist.allow", peer="Cleo", undo=True)
    assert why(lab, lab.ben, listing) == [] and why(lab, lab.ben, other) == [ANNAS]
    lab.ask(lab.ben, "blocklist.add", peer="Cleo", text="enough")
    assert why(lab, lab.ben, listing) == [], "what he said of the listing is nearer"
    lab.ask(lab.ben, "blocklist.add", listing=listing, text="this one too")
    assert not list(lab.ben.disk.scan(ALLOWED)), "who blocks it allows it no longer"


def test_whom_a_list_names_sees_by_whom_and_why(lab):
    listing, other = publish(lab, lab.cleo), publish(lab, lab.cleo, title="Ladder")
    street(lab, listing=listing)
    assert why(lab, lab.cleo, listing) == [ANNAS] and why(lab, lab.cleo, other) == []
    said = "your listing 'Snowblower' is hidden for those who follow Anna's list 'street': spam – forty times the same"
    assert said in lab.ask(lab.cleo, "status")["warnings"]
    [row] = lab.ask(lab.cleo, "blocklist.naming")
    assert (row["listing_id"], row["by_name"], row["list"], row["reason"]) == (listing, "Anna", "street", "spam")
    street(lab)
    assert why(lab, lab.cleo, other) == [ANNAS]
    assert any(line.startswith("your listings are hidden") for line in lab.ask(lab.cleo, "status")["warnings"])
    lab.sim.crash(lab.cleo)
    lab.sim.run(30_000)
    assert len(lab.ask(lab.cleo, "blocklist.naming")) == 2
    lab.ask(lab.anna, "blocklist.remove", name="street", listing=listing)
    lab.ask(lab.anna, "blocklist.publish", name="street")
    lab.sim.run(5_000)
    assert len(lab.ask(lab.cleo, "blocklist.naming")) == 1
    lab.ask(lab.anna, "blocklist.withdraw", name="street")
    lab.sim.run(5_000)
    assert lab.ask(lab.cleo, "blocklist.naming") == [] and why(lab, lab.cleo, listing) == []


def test_a_private_list_is_told_to_nobody(lab):
    listing = publish(lab, lab.cleo)
    lab.ask(lab.ben, "blocklist.add", peer="Cleo", text="too loud")
    lab.sim.run(60_000)
    assert why(lab, lab.ben, listing) == [("Ben", "mine", "other", "too loud")]
    assert lab.ask(lab.cleo, "blocklist.naming") == []
    for node in (lab.anna, lab.ben, lab.cleo, lab.dora):
        assert not list(lab.network(node).catalog.rows(kind=KIND))
    lab.ask(lab.ben, "blocklist.remove", peer="Cleo")
    assert why(lab, lab.ben, listing) == [] and lab.ask(lab.ben, "blocklist.list") == []
    assert not list(lab.ben.disk.scan(BLOCKLIST)) and not list(lab.ben.disk.scan(BLOCKED))


def test_what_is_hidden_is_kept_and_makes_no_notices(lab):
    street(lab)
    follow(lab, lab.ben)
    lab.ask(lab.ben, "search.save", name="snow", search={"query": "snowblower"})
    publish(lab, lab.ben, direction="request")
    listing = publish(lab, lab.cleo)
    assert lab.ask(lab.ben, "notices.list") == [] and lab.ask(lab.ben, "status")["notices"] == 0
    assert not list(lab.ben.disk.scan(NOTICE))
    assert lab.ask(lab.ben, "listing.show", id=listing)["title"] == "Snowblower", "it is held all the same"
    seen = publish(lab, lab.dora)
    assert {n["listing_id"] for n in lab.ask(lab.ben, "notices.list")} == {seen}
    lab.ask(lab.ben, "blocklist.add", peer="Dora", text="enough")
    assert lab.ask(lab.ben, "notices.list") == [] and lab.ask(lab.ben, "status")["notices"] == 0


def test_no_standing_rule_accepts_from_who_is_hidden_and_what_is_under_way_goes_on(lab):
    listing = publish(lab, lab.ben, kind="give", instant=True)
    first = lab.ask(lab.cleo, "exchange.propose", listing=listing)["exchange_id"]
    lab.sim.run(10_000)
    assert lab.ask(lab.ben, "exchange.show", id=first)["status"] == "agreed"
    lab.ask(lab.ben, "blocklist.add", peer="Cleo", text="never came")
    second = lab.ask(lab.cleo, "exchange.propose", listing=listing)["exchange_id"]
    lab.sim.run(10_000)
    shown = lab.ask(lab.ben, "exchange.show", id=second)
    assert shown["status"] == "proposed" and shown["rule"]["reason"] == "your block list 'mine' names the proposer"
    lab.ask(lab.ben, "exchange.accept", id=second)
    lab.sim.run(10_000)
    assert lab.ask(lab.cleo, "exchange.show", id=second)["status"] == "agreed"
    assert lab.ask(lab.ben, "exchange.show", id=first)["status"] == "agreed"


def test_all_of_it_lasts_over_a_restart(lab):
    listing = publish(lab, lab.cleo)
    street(lab)
    follow(lab, lab.ben)
    lab.ask(lab.ben, "blocklist.create", name="elm", about="What I would not lend to")
    lab.ask(lab.ben, "blocklist.add", name="elm", peer="Dora", text="broke the saw", reason="unsafe")
    lab.ask(lab.ben, "blocklist.allow", listing=listing)
    before = {name: lab.ask(lab.ben, name) for name in ("blocklist.list", "blocklist.hidden")}
    assert len(before["blocklist.list"]) == 2 and len(before["blocklist.hidden"]) == 3
    lab.sim.crash(lab.ben)
    lab.sim.run(30_000)
    assert {name: lab.ask(lab.ben, name) for name in before} == before


def test_only_the_pages_that_changed_are_signed_again(lab):
    def records() -> dict[int, bytes]:
        network = lab.network(lab.anna)
        rows = [r for r in network.catalog.rows(kind=KIND, author=lab.anna.core.state.me) if not r.withdrawn]
        found = [lab.anna.core.listings.record_of(network, row.id) for row in rows]
        return {parse_blocklist(record).page: record.id for record in found}

    lists = lab.anna.core.blocklists
    street(lab)
    own = next(iter(lists.own.values()))
    for number in range(70):
        entry = BlockEntry(number.to_bytes(32, "big"), "spam", "x", lab.now + number - 100)
        own.entries[entry.subject] = entry
    lab.ask(lab.anna, "blocklist.publish", name="street")
    first = records()
    assert set(first) == {0, 1}
    lab.ask(lab.anna, "blocklist.publish", name="street")
    assert records() == first, "nothing to say"
    lab.sim.run(1_000)
    lab.ask(lab.anna, "blocklist.add", name="street", peer="Dora", text="x")
    assert lab.ask(lab.anna, "blocklist.list")[0]["changed"]
    assert not lab.ask(lab.anna, "blocklist.publish", name="street")["changed"]
    assert records()[0] == first[0] and records()[1] != first[1]
    own = next(iter(lists.own.values()))
    for subject in list(own.entries)[:60]:
        del own.entries[subject]
    lab.ask(lab.anna, "blocklist.publish", name="street")
    assert set(records()) == {0}
    own = next(iter(lists.own.values()))
    own.entries.clear()
    lab.ask(lab.anna, "blocklist.publish", name="street")
    assert records() == {}, "it names nobody any more"


def test_a_list_ends_with_its_author_and_lives_with_his_node(lab):
    listing = publish(lab, lab.cleo)
    street(lab)
    follow(lab, lab.ben)
    for _ in range(20):
        lab.leap(7 * DAY)
    listing = publish(lab, lab.cleo)
    assert why(lab, lab.ben, listing) == [ANNAS], "signed again meanwhile"
    lab.sim.crash(lab.anna, away=400 * DAY)
    for _ in range(14):
        lab.leap(7 * DAY)
    assert why(lab, lab.ben, publish(lab, lab.cleo)) == []
    assert lab.ask(lab.ben, "blocklist.list")[0]["until"] is None and lab.ask(lab.cleo, "blocklist.naming") == []


def test_a_list_hides_nothing_from_the_moment_it_ends(lab):
    publish(lab, lab.cleo)
    street(lab)
    follow(lab, lab.ben)
    [row] = lab.ask(lab.ben, "blocklist.list")
    hides, network, cleo = lab.ben.core.blocklists.why, lab.network(lab.ben), lab.cleo.core.state.me
    assert hides(network, cleo, b"", row["until"] - 1) and not hides(network, cleo, b"", row["until"])
    lab.ben.core.blocklists.woke(row["until"])
    assert not hides(network, cleo, b"", row["until"])


def test_what_cannot_be_said_is_refused(lab):
    mine = publish(lab, lab.ben)
    for fields, said in (
        ({"peer": "Cleo", "text": "  "}, "say why"),
        ({"text": "x"}, "who, or which listing"),
        ({"peer": "Cleo", "listing": mine, "text": "x"}, "who, or which listing"),
        ({"listing": mine, "text": "x"}, "that is yours"),
        ({"peer": "Nobody", "text": "x"}, "no peer"),
    ):
        with pytest.raises(Refusal, match=said):
            lab.ask(lab.ben, "blocklist.add", **fields)
    for name, fields, said in (
        ("subscribe", {"peer": "Anna"}, "no list of Anna"),
        ("subscribe", {"peer": "Ben"}, "that is you"),
        ("unsubscribe", {"peer": "Anna"}, "no list of Anna is followed"),
        ("remove", {"peer": "Cleo"}, "you have no list 'mine'"),
        ("publish", {"name": "elm"}, "you have no list"),
        ("allow", {"peer": "Cleo", "undo": True}, "not allowed"),
    ):
        with pytest.raises(Refusal, match=said):
            lab.ask(lab.ben, f"blocklist.{name}", **fields)
    for text, reason in (("two\nlines", "spam"), ("", "spam"), ("x" * 201, "spam"), ("x", "No Such"), ("x", "")):
        with pytest.raises(msgspec.ValidationError):
            commands.parse_args("blocklist.add", {"peer": "Cleo", "text": text, "reason": reason})
    assert lab.ask(lab.ben, "blocklist.list") == []


def forged(lab: Lab, signer: Signer, name: str, *named: bytes) -> Any:
    entries = tuple(BlockEntry(who, "fraud", "so they say", lab.now) for who in sorted(named))
    return seal_blocklist(
        signer, lab.network(lab.cleo).id, BlockPage(name, 0, entries),
        created=lab.now, until=lab.now + MAX_LIFETIME, revision=lab.now // 1000,
    )  # fmt: skip


def test_an_entry_without_a_reason_costs_the_peer_that_sent_it(lab):
    """`Reject`, and no less: whoever passes it on has not looked."""
    good = forged(lab, lab.signer(lab.anna), "street", lab.cleo.core.state.me)
    payload = decode(good.payload)
    for field, value in (("reason", ""), ("text", " "), ("reason", None), ("text", None)):
        [entry] = payload["entries"]
        entry = {k: v for k, v in {**entry, field: value}.items() if v is not None}
        bad = seal(
            lab.signer(lab.anna), network=good.network, kind=KIND, name=good.name, revision=good.revision,
            created=good.created, until=good.until, payload=encode({**payload, "entries": [entry]}),
        )  # fmt: skip
        with pytest.raises(Reject):
            lab.take(lab.cleo, bad)
        assert not list(lab.network(lab.cleo).catalog.rows(kind=KIND))
    lab.cleo.core.blocklists.took(lab.network(lab.cleo), lab.take(lab.cleo, good), lab.now)
    assert lab.ask(lab.cleo, "blocklist.naming")[0]["text"] == "so they say"


def test_a_crowd_of_lists_is_bounded_and_pushes_no_member_out(lab):
    me = lab.cleo.core.state.me
    naming, network = lab.cleo.core.blocklists.naming, lab.network(lab.cleo)

    def take(signer: Signer, name: str) -> None:
        record = forged(lab, signer, name, me)
        network.catalog.admit(record, lab.now)
        naming.took(network, record)

    for number in range(MAX_NAMING_OF_ONE + 5):
        take(incept(b"0".ljust(32))[0], f"list {number}")
    assert len(naming.named(network, lab.now)) == MAX_NAMING_OF_ONE
    for crowd in range(1, MAX_NAMING // MAX_NAMING_OF_ONE + 2):
        for number in range(MAX_NAMING_OF_ONE):
            take(incept(str(crowd).encode().ljust(32))[0], f"list {number}")
    assert len(naming.named(network, lab.now)) == MAX_NAMING
    street(lab)
    first = naming.named(network, lab.now)[0]
    assert (first.by, first.named) == (lab.anna.core.state.me, "street")
    warnings = lab.ask(lab.cleo, "status")["warnings"]
    assert sum("hidden for those who follow" in line for line in warnings) == 3
    assert f"{MAX_NAMING - 3} more entries of lists name you: p2pnode blocklist naming" in warnings


def test_two_of_one_name_are_told_apart(lab):
    """A list is its author's: one of the same name by somebody else is another."""
    listing = publish(lab, lab.cleo)
    lab.ask(lab.dora, "blocklist.add", name="street", peer="Cleo", text="I say so, too", reason="fraud")
    lab.ask(lab.dora, "blocklist.publish", name="street")
    lab.sim.run(5_000)
    street(lab)
    follow(lab, lab.ben)
    assert why(lab, lab.ben, listing) == [ANNAS]
    anna = lab.anna.core.state.me
    assert page_name("street", 0) in {r.name for r in lab.network(lab.ben).catalog.rows(kind=KIND, author=anna)}
