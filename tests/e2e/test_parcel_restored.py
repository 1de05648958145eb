"""A sender who gave a parcel away, is restored from a backup from before it, and cannot give it twice. Real nodes."""

from pathlib import Path

import pytest

from tests.e2e.killer import street
from tests.e2e.nodes import Failed, Node, until
from tests.e2e.story import finds
from tests.e2e.test_parcel import agree
from tests.longer import LONGER


@LONGER
def test_who_forgot_that_he_gave_a_parcel_asks_before_he_gives_it(tmp_path: Path) -> None:
    nodes = [*street(tmp_path, lambda name: Node(name, tmp_path))]
    anna, ben, cleo = nodes
    try:
        (tmp_path / "secret").write_text("five words nobody knows\n")
        secret = ("--passphrase-file", str(tmp_path / "secret"))
        listing = ben.cli("offer", "publish", "--kind", "deliver", "--title", "Ride to town", "--price", "0.20")
        until("Anna finds it", lambda: finds(anna, listing["listing_id"], "ride"))
        made = agree(anna, ben, listing["listing_id"], "--to", cleo.peer_id)
        anna.cli("backup", str(tmp_path / "anna.backup"), *secret)
        anna.cli("parcel", "give", made)
        until("Ben is offered it", lambda: ben.cli("parcel", "list")["offered"])
        ben.cli("parcel", "take", ben.cli("parcel", "list")["offered"][0]["id"])
        until("Anna knows", lambda: anna.cli("parcel", "show", made)["holder_name"] == "Ben")
        anna.kill()
        ben.stop()

        again = Node("Anna", tmp_path / "elsewhere")
        nodes.append(again)
        again.addresses, again.peer_id = anna.addresses, anna.peer_id
        again.cli("restore", str(tmp_path / "anna.backup"), *secret)
        again.start()
        until("the ledger is whole", lambda: again.cli("status")["state"] == "joined", 90)
        shown = again.cli("parcel", "show", made)
        assert shown["mine"] and "Ben" in shown["unsure"]
        with pytest.raises(Failed, match="put back to an older state, and Ben") as failed:
            again.cli("parcel", "give", made, "--to", "Cleo")
        assert failed.value.status == 6
        assert "! This node was put back to an older state" in again.types("parcel", "show", made)
        ben.start()
        until("Ben has said it", lambda: again.cli("parcel", "show", made)["holder_name"] == "Ben", 60)
        with pytest.raises(Failed, match="Ben has this parcel"):
            again.cli("parcel", "give", made, "--to", "Cleo")
        assert again.cli("parcel", "show", made)["unsure"] is None
    finally:
        for node in nodes:
            node.kill()
