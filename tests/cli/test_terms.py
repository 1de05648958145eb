"""What is asked of an exchange, from the options and the file to the node, and what would come of it."""

from pathlib import Path

import pytest

from protocols.limits import DAY, HOUR
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

TERMS = {
    "network": None, "form": 2, "kind": "rent", "title": "Drill", "quantity": 1, "deposit": None, "from": None,
    "price": {"amount": 250, "unit": "EUR"}, "until": None, "expires": 1, "note": "", "capacity": 1,
    "parent": "ab" * 32, "mediator": "Anna", "goal": {"least": 10, "unit": "", "until": 4_102_444_800_000},
    "split": [{"who": "Ben", "parts": 2}],
    "cancellation": [{"who": "you", "until": 4_102_444_800_000}], "witnesses": [],
    "duties": [
        {"id": "work", "action": "work", "what": "do: Drill", "who": "Ben", "to": "you", "amount": None, "from": None,
         "until": None, "within": 2 * DAY, "after": None, "along": None, "confirm": HOUR, "on": None},
    ],
}  # fmt: skip


def test_conditions_reach_the_node(run: Run, node: FakeNode) -> None:
    run(
        "exchange", "propose", "ab", "--form", "full", "--mediator", "Anna", "--cancel-until", "24h", "--fee", "1",
        "--within", "2d", "--goal", "500 hour", "--leg", "mine: apples", "--leg", "yours: help", "--share", "me:1",
        "--share", "ben:2", "--parent", "77",
    )  # fmt: skip
    assert node.last == (
        "exchange.propose",
        {
            "listing": "ab", "form": "full", "mediator": "Anna", "cancel_until": DAY, "fee": "1", "within": 2 * DAY,
            "goal": "500 hour", "leg": ("mine: apples", "yours: help"), "share": ("me:1", "ben:2"), "parent": "77",
            "note": "",
        },
    )  # fmt: skip
    run("exchange", "counter", "cd", "--mediator", "", "--within", "0")
    assert node.last == ("exchange.counter", {"id": "cd", "mediator": "", "within": 0, "note": ""})


def test_a_proposal_from_a_file_with_the_command_line_above_it(run: Run, node: FakeNode, tmp_path: Path) -> None:
    file = tmp_path / "weekend.toml"
    file.write_text(
        'from = 2030-01-01T10:00:00Z\nuntil = "2030-01-01T11:00Z"\ndeposit = 5\ncancel-until = "2d"\n'
        'share = ["me:1", "ben:2"]\nwitness = "Anna"\nquantity = 2\nnote = "ours"\n'
    )
    node.answers["exchange.foresee"] = {"warnings": []}
    run("exchange", "propose", "ab", "--from", str(file), "--deposit", "6")
    assert node.calls[-1][0] == "exchange.propose"
    args = node.last[1]
    assert args == {
        "listing": "ab", "start": 1893492000000, "end": 1893495600000, "deposit": "6", "cancel_until": 2 * DAY,
        "share": ("me:1", "ben:2"), "witness": ("Anna",), "quantity": 2, "note": "ours",
    }  # fmt: skip
    run("exchange", "propose", "ab", "--from", str(file), "--from", "2030-01-01T09:00Z")
    assert node.last[1]["start"] == 1893488400000


@pytest.mark.parametrize(
    ("typed", "way"),
    [
        ((), None), (("--bring",), "bring"), (("--fetch",), "fetch"), (("--from", "x.toml"), "bring"),
        (("--from", "x.toml", "--fetch"), "fetch"),
    ],
)  # fmt: skip
def test_bring_and_fetch(run: Run, node: FakeNode, tmp_path: Path, typed: tuple[str, ...], way: str | None) -> None:
    (tmp_path / "x.toml").write_text("bring = true\n")
    typed = tuple(str(tmp_path / word) if word == "x.toml" else word for word in typed)
    for command in ("propose", "counter"):
        run("exchange", command, "ab", *typed)
        assert node.last[0] == f"exchange.{command}" and node.last[1].get("way") == way


@pytest.mark.parametrize(
    "text",
    [
        "bring = true\nfetch = true",
        "bring = 1",
        "fetch = 'no'",
        "colour = 1",
        "from = ",
        'within = "soon"',
        "share = 1",
        "quantity = 'two'",
    ],
)
def test_a_file_that_is_wrong(run: Run, node: FakeNode, tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(text)
    assert run("exchange", "propose", "ab", "--from", str(file), "--json").error["code"] == "usage"
    assert run("exchange", "propose", "ab", "--from", str(tmp_path / "none.toml"), "--json").error["code"] == "usage"


def test_dry_run_shows_the_terms_duty_by_duty_and_proposes_nothing(run: Run, node: FakeNode) -> None:
    node.answers["exchange.foresee"] = {"warnings": ["it is dear"], "terms": TERMS}
    out = run("exchange", "propose", "ab", "--dry-run").out
    assert [name for name, *_ in node.calls if name.startswith("exchange")] == ["exchange.foresee"]
    for line in (
        "work       Ben: do: Drill; within 2d, counts as confirmed after 1h", "you may cancel alone", "Anna",
        "10 who agree", "! It is dear.", "Nothing was done.",
    ):  # fmt: skip
        assert line in out
    data = run("exchange", "propose", "ab", "--dry-run", "--json").data
    assert data["dry_run"] and data["command"] == "exchange.propose" and data["terms"]["form"] == 2
    node.answers["exchange.foresee_counter"] = {"warnings": [], "terms": TERMS}
    assert "work       Ben: do: Drill" in run("exchange", "counter", "cd", "--price", "3", "--dry-run").out
    assert not [name for name, *_ in node.calls if name in ("exchange.propose", "exchange.counter")]


def test_labels_of_a_listing(run: Run, node: FakeNode, tmp_path: Path) -> None:
    base = ("--kind", "task", "--title", "t")
    run("request", "publish", *base, "--goal", "10", "--part-of", "3f9a", "--orders", "2d", "--instant")
    args = node.last[1]
    assert (args["goal"], args["part_of"], args["orders"], args["instant"]) == ("10", "3f9a", 2 * DAY, True)
    run("request", "publish", *base)
    assert not {"goal", "part_of", "orders", "instant"} & node.last[1].keys()
    file = tmp_path / "task.toml"
    file.write_text('kind = "task"\ntitle = "t"\ngoal = 10\npart-of = "3f"\norders = "1h"\ninstant = true\n')
    run("request", "publish", "--from", str(file))
    args = node.last[1]
    assert (args["goal"], args["part_of"], args["orders"], args["instant"]) == ("10", "3f", HOUR, True)
    run("request", "edit", "ab", "--goal", "", "--no-instant", "--orders", "")
    edits = next(args for name, args, _ in reversed(node.calls) if name == "listing.edit")
    assert (edits.goal, edits.instant, edits.orders) == ("", False, 0)  # type: ignore[attr-defined]


def test_a_listing_says_its_labels_in_words(run: Run, node: FakeNode) -> None:
    node.answers["listing.show"] = {
        "listing_id": "ab", "title": "t", "direction": "request",
        "labels": {"goal": {"amount": 10, "unit": ""}, "orders": DAY, "part_of": "cd" * 12, "instant": True},
    }  # fmt: skip
    out = run("request", "show", "ab").out
    assert "10 who agree" in out and "until 1d before" in out and "cdcdcdcd" in out and "accepted by itself" in out


def test_days_are_those_of_the_user_s_own_clock(run: Run, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    base = ("--kind", "rent", "--title", "t")
    run("offer", "publish", *base, "--when", "sat,sun")
    assert (node.last[1]["when"], node.last[1]["zone"]) == ("sat,sun", "Europe/Berlin")
    run("offer", "publish", *base, "--when", "sat", "--zone", "Asia/Tokyo")
    assert node.last[1]["zone"] == "Asia/Tokyo"
    run("offer", "publish", *base)
    assert "zone" not in node.last[1]
    node.answers["listing.show"] = {"listing_id": "ab", "title": "t", "direction": "offer", "times": "Sat each week"}
    assert "to be had  Sat each week" in run("offer", "show", "ab").out
    node.answers["listing.show"] = {**node.answers["listing.show"], "zone": "Asia/Tokyo"}
    assert "Sat each week (Asia/Tokyo time)" in run("offer", "show", "ab").out
    node.answers["listing.show"] = {**node.answers["listing.show"], "zone": "Europe/Berlin"}
    assert "time)" not in run("offer", "show", "ab").out


def test_what_is_overdue_is_said_in_a_line(run: Run, node: FakeNode) -> None:
    late = {"id": "work", "what": "dig", "state": "pending", "until": 1, "overdue": True, "provider_name": "Ben"}
    shown = {"exchange_id": "ab", "status": "agreed", "counterparty_name": "Ben", "duties": [late]}
    node.answers["exchange.show"] = shown
    assert "! Ben is late, since" in run("exchange", "show", "ab").out
    node.answers["exchange.show"] = shown | {"duties": [late | {"provider_name": "you"}]}
    assert "! You are late, since" in run("exchange", "show", "ab").out
    node.answers["exchange.show"] = shown | {"duties": [late | {"overdue": False}]}
    assert "late" not in run("exchange", "show", "ab").out


@pytest.mark.parametrize(("unit", "told"), [("eggs", True), ("hour", False)])
def test_who_asks_or_is_asked_in_another_unit_is_told_that_no_ledger_settles_it(
    run: Run, node: FakeNode, unit: str, told: bool
) -> None:
    line = "! The price is in eggs, not in the network's credit: `pay` moves nothing"
    price = {"amount": 300, "unit": unit}
    node.answers["status"] = {"networks": [{"id": "aa", "unit": "hour", "decimals": 2}]}
    row = {"listing_id": "ab" * 32, "state": "stored", "network": "aa", "price": {**price, "per": "item"}}
    node.answers["listing.publish"] = node.answers["listing.edit"] = node.answers["listing.show"] = row
    for typed in ("publish --kind sell --title Pie", "edit ab"):
        result = run("offer", *typed.split(), "--price", f"3 {unit}", "--json")
        assert (line in result.err) == told and "\n" not in result.out.strip(), typed
    assert line not in run("offer", "edit", "ab", "--text", "Fresh").err
    shown = {"exchange_id": "cd" * 32, "network": "aa", "status": "proposed", "terms": {"title": "Pie", "price": price}}
    node.answers["exchange.show"] = shown
    assert (line in run("exchange", "show", "cd").err) == told
    node.answers["exchange.show"] = {**shown, "status": "agreed"}
    assert line not in run("exchange", "show", "cd").err
