"""The calendar for people and for other programs, and double bookings that are checked without a node."""

import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from p2pnode.ical import as_ics, escape, fold
from protocols.double_booking import encode_agreement, encode_rebuttal
from tests.cli.conftest import Run
from tests.protocols.bookings import BOB, Deal, barn
from tests.strategies import NOW, signer

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "bookings.json").read_text())


def row(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "what": "booked", "from": NOW, "until": NOW + 3_600_000, "exchange_id": "ab" * 32, "listing_id": "cd" * 32,
        "network": "ef" * 16, "title": "Barn", "role": "giver", "counterparty_name": "Ann", "status": "agreed",
        "quantity": 1, "expires": None, "duty": None, "who": None,
    }  # fmt: skip
    return fields | changes


@given(st.text(max_size=200))
def test_lines_are_folded_within_characters_never(text: str) -> None:
    line = "SUMMARY:" + escape(text)
    folded = fold(line)
    pieces = folded.split("\r\n")
    assert all(len(piece.encode("utf-8", "surrogatepass")) <= 75 for piece in pieces if piece.isascii())
    assert all(piece.startswith(" ") for piece in pieces[1:])
    assert folded.replace("\r\n ", "") == line


@given(st.text(alphabet="a,;\\\n\r\tß", max_size=40))
def test_text_is_escaped_so_that_it_can_be_read_back(text: str) -> None:
    written = escape(text)
    assert not re.search(r"[\x00-\x1f]", written)
    back = re.sub(r"\\(.)", lambda m: "\n" if m[1] in "nN" else m[1], written)
    assert back == text.replace("\r\n", "\n").replace("\r", "").replace("\t", "")


def test_events() -> None:
    text = as_ics([row(title="Barn, old; big"), row(what="due", until=NOW, duty="return", who="you")], NOW)
    lines = text.replace("\r\n ", "").split("\r\n")
    assert text.endswith("END:VCALENDAR\r\n") and lines[0] == "BEGIN:VCALENDAR" and "VERSION:2.0" in lines
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 2
    assert "SUMMARY:booked: Barn\\, old\\; big" in lines and "SUMMARY:due: Barn (return)" in lines
    assert [line[:8] for line in lines if line.startswith("DTEND")] == ["DTEND:20"]
    assert len({line for line in lines if line.startswith("UID:")}) == 2
    assert not any("/ip4/" in line or "12D3KooW" in line for line in lines)


def test_a_row_for_people_and_for_programs(run: Run, node: Any) -> None:
    node.answers["calendar"] = {
        "from": NOW,
        "until": NOW + 1,
        "rows": [row(), row(what="overdue", duty="return", who="Ann", quantity=None)],
        "free": [{"from": NOW, "until": NOW + 3_600_000}],
    }
    shown = run("calendar", "--listing", "cd")
    assert (
        shown.status == 0 and "booked" in shown.out and "overdue: return (Ann)" in shown.out and "free: " in shown.out
    )
    assert node.last == ("calendar", {"listing": "cd"})
    plain = run("calendar", "--plain")
    assert f"{NOW}-{NOW + 3_600_000}\tbooked\tBarn\tAnn\tgiver\t{'ab' * 32}" in plain.out
    assert json.loads(run("calendar", "--json").out)["data"]["rows"][0]["what"] == "booked"


def test_a_file_for_a_calendar_program(run: Run, node: Any, tmp_path: Path) -> None:
    node.answers["calendar"] = {"from": NOW, "until": NOW + 1, "rows": [row()], "free": None}
    file = tmp_path / "mine.ics"
    assert run("calendar", "--ics", str(file)).status == 0
    assert file.read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")


def booked(guest: int, at: int, path: Path) -> Deal:
    deal = Deal(barn(signer(guest)), at)
    deal.accept(BOB, deal.root, at + 1)
    path.write_bytes(encode_agreement(deal.agreement))
    return deal


def test_a_double_booking_from_file_to_file_without_a_node(run: Run, tmp_path: Path) -> None:
    one, other, out = tmp_path / "one", tmp_path / "other", tmp_path / "twice.p2p"
    first = booked(10, NOW, one)
    booked(11, NOW + 100, other)
    home = ("--home", str(tmp_path / "none"))
    made = run("challenge", "make", "--out", str(out), str(one), str(other), *home)
    assert made.status == 0 and "shows a double booking" in made.out and "1970" not in made.out
    checked = run("challenge", "check", str(out), "--json", *home)
    assert checked.status == 0 and json.loads(checked.out)["data"]["booked"] == 2
    rebuttal = tmp_path / "cancelled"
    facts = [first.say(by, "cancel", NOW + 50) for by in (BOB, signer(10))]
    rebuttal.write_bytes(encode_rebuttal(facts))
    again = run("challenge", "check", str(out), "--rebuttal", str(rebuttal), *home)
    assert again.status == 1 and "cancelled by both" in again.err
    rebuttal.write_bytes(encode_rebuttal(facts[:1]))
    stands = run("challenge", "check", str(out), "--rebuttal", str(rebuttal), *home)
    assert stands.status == 0 and "holds all the same" in stands.out


def test_what_the_node_hands_out_is_written(run: Run, node: Any, tmp_path: Path) -> None:
    data = b64encode(b"signed").decode()
    node.answers["exchange.agreement"] = {"exchange_id": "cd" * 32, "bytes": 6, "agreement": data}
    node.answers["exchange.rebut"] = {"exchange_id": "cd" * 32, "bytes": 6, "facts": ["cancel"], "rebuttal": data}
    for word in ("agreement", "rebut"):
        out = tmp_path / word
        assert run("exchange", word, "cd", "--out", str(out)).status == 0
        assert out.read_bytes() == b"signed" and node.last == (f"exchange.{word}", {"id": "cd"})


def test_what_shows_nothing_is_not_written(run: Run, tmp_path: Path) -> None:
    one, out = tmp_path / "one", tmp_path / "twice.p2p"
    booked(10, NOW, one)
    assert run("challenge", "make", "--out", str(out), str(one), str(one)).status == 1 and not out.exists()
    out.write_bytes(b"nothing")
    for words in (("make", "--out", str(tmp_path / "x"), str(out)), ("check", str(out))):
        refused = run("challenge", *words)
        assert refused.status == 1 and "Traceback" not in refused.err
