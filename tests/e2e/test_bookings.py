"""A barn that two want at one time: refused, cancelled, booked again; and the files that show it. Real nodes."""

from pathlib import Path

import pytest

from tests.e2e.killer import street
from tests.e2e.nodes import Failed, Node, until


def test_a_time_is_given_once_and_a_challenge_is_rebutted(tmp_path: Path) -> None:
    anna, ben, cleo = street(tmp_path, lambda name: Node(name, tmp_path))
    try:
        barn = anna.cli("offer", "publish", "--kind", "rent", "--title", "Barn", "--price", "1/hour")["listing_id"]
        made = {}
        for node in (ben, cleo):
            until("they have it", lambda node=node: node.cli("offer", "show", barn))
            made[node] = node.cli("exchange", "propose", barn, "--from", "5d", "--until", "6d")["exchange_id"]
            until("Anna has it", lambda node=node: anna.cli("exchange", "show", made[node]))
        assert anna.cli("exchange", "accept", made[ben])["status"] == "agreed"
        with pytest.raises(Failed) as refused:
            anna.cli("exchange", "accept", made[cleo])
        assert refused.value.status == 6 and "free: " in str(refused.value.error["message"])
        assert [row["what"] for row in anna.cli("calendar", "--until", "4d")["rows"]] == []
        assert {row["what"] for row in anna.cli("calendar", "--listing", barn)["rows"]} >= {"booked", "asked"}
        ics = tmp_path / "anna.ics"
        anna.cli("calendar", "--ics", str(ics))
        assert b"SUMMARY:booked: Barn" in ics.read_bytes()
        ben_agreed, cleo_agreed, twice, ended = (str(tmp_path / name) for name in ("ben.a", "cleo.a", "twice", "ended"))
        until("Ben knows", lambda: ben.cli("exchange", "agreement", made[ben], "--out", ben_agreed))
        ben.cli("exchange", "cancel", made[ben])
        until("Anna knows", lambda: anna.cli("exchange", "show", made[ben])["status"] == "cancelled")
        assert anna.cli("exchange", "accept", made[cleo])["status"] == "agreed"
        until("Cleo knows", lambda: cleo.cli("exchange", "agreement", made[cleo], "--out", cleo_agreed))
        anna.cli("exchange", "rebut", made[ben], "--out", ended)
        cleo.cli("challenge", "make", "--out", twice, ben_agreed, cleo_agreed)
        shown = cleo.cli("challenge", "check", twice)
        assert (shown["booked"], shown["capacity"], shown["exchanges"]) == (2, 1, [made[ben], made[cleo]])
        with pytest.raises(Failed) as rebutted:
            cleo.cli("challenge", "check", twice, "--rebuttal", ended)
        assert "rebutted" in str(rebutted.value.error["message"])
    finally:
        for node in (anna, ben, cleo):
            node.kill()
