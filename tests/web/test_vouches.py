"""The vouches in a table: given with what is at risk, taken, and over."""

from pathlib import Path

from tests.web.hostile import mixed
from tests.web.street import open_street


def test_vouches_are_listed_by_who_gave_them(tmp_path: Path) -> None:
    with open_street(tmp_path, "anna", "ben") as street:
        lab, anna, ben = street.lab, street.browsers["anna"], street.browsers["ben"]
        lab.ask(lab.anna, "vouch", peer="Ben", amount="2")
        lab.sim.run(30_000)
        lab.ask(lab.anna, "peers.name", peer=lab.ask(lab.ben, "status")["peer_id"], name=mixed(60))
        page = anna.get("/vouches")
        assert "You vouch for" in page.words and "At risk" in page.words and "2 hour" in page.words
        assert "<script>alert(1)</script>" in page.words
        page = ben.get("/vouches")
        assert "They vouch for you" in page.words and "2 hour" in page.words and "You vouch for" not in page.words
