"""A neighbour whose node is older than form 2, and then is not. Real nodes."""

from pathlib import Path

from tests.e2e.killer import street
from tests.e2e.nodes import Node, until
from tests.faults.mutant import mutant

WHY = "their node is older and cannot take this: propose with --form plain"


def test_what_an_older_node_cannot_take_is_told_and_arrives_when_it_is_newer(tmp_path: Path) -> None:
    anna, ben, cleo = street(
        tmp_path, lambda name: Node(name, tmp_path, prefix=mutant("first_form") if name == "Ben" else [])
    )
    try:
        fields = ["--kind", "rent", "--title", "Snowblower", "--price", "0.20/hour"]
        listing = ben.cli("offer", "publish", *fields)["listing_id"]
        until("Cleo has it", lambda: cleo.cli("offer", "show", listing))
        made = cleo.cli("exchange", "propose", listing, "--from", "2h", "--until", "3h")["exchange_id"]
        until("she knows why", lambda: cleo.cli("exchange", "show", made)["undeliverable"] == WHY)
        assert f"not yet: {WHY}" in cleo.types("exchange", "show", made)
        plain = ["--from", "2h", "--until", "3h", "--form", "plain"]
        assert cleo.cli("exchange", "propose", listing, *plain, "--wait", "30")["delivered"]
        ben.stop()
        ben.prefix = []
        ben.start()
        until("it arrives", lambda: cleo.cli("exchange", "show", made)["delivered"], 60)
        assert cleo.cli("exchange", "show", made)["undeliverable"] is None
        assert ben.cli("exchange", "show", made)["status"] == "proposed"
    finally:
        for node in (anna, ben, cleo):
            node.kill()
