"""Bad input and bad circumstances, as a user of real processes meets them: a clear error, and nothing lost."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pnode.client import Client
from tests.e2e.killer import street
from tests.e2e.nodes import Node, until
from tests.e2e.refusals import NOBODY, port_of, refused, warnings


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """Anna and Ben in one network. Tests leave them as they found them."""
    root = tmp_path_factory.mktemp("pair")
    anna, ben, cleo = street(root, lambda name: Node(name, root))
    cleo.kill()
    yield anna, ben
    for node in (anna, ben):
        node.kill()


PUBLISH = ("offer", "publish", "--kind", "rent", "--title", "Drill")
WRONG = [
    ("usage", ("join", "")),
    ("usage", ("join", "Anna")),
    ("usage", ("join", "/ip4/127.0.0.1/tcp/4001")),
    ("usage", ("join", f"/ip4/999.1.1.1/tcp/4001/p2p/{NOBODY}")),
    ("usage", ("join", f"/ip4/127.0.0.1/udp/4001/p2p/{NOBODY}")),
    ("usage", ("join", f"/ip4/127.0.0.1/tcp/99999/p2p/{NOBODY}")),
    ("usage", ("join", f"/ip4/127.0.0.1/tcp/4001/p2p/{NOBODY[:-2]}")),
    ("usage", ("join", "/ip4/127.0.0.1/tcp/4001" * 500)),
    ("usage", ("join", "p2pnode://join/")),
    ("usage", ("join", "https://example.org/join")),
    ("usage", ("invite", "--expires", "2001-01-01")),
    ("usage", ("invite", "--vouch", "many")),
    ("refused", ("invite", "--vouch", "1000000")),
    ("usage", (*PUBLISH, "--price", "-1/hour")),
    ("usage", (*PUBLISH, "--price", "2.555/hour")),
    ("usage", (*PUBLISH, "--price", "1e5")),
    ("usage", (*PUBLISH, "--price", "cheap")),
    ("usage", (*PUBLISH, "--price", "")),
    ("usage", (*PUBLISH, "--price", "2/hour/day")),
    ("usage", (*PUBLISH, "--price", "9" * 30)),
    ("usage", (*PUBLISH, "--price", "2/" + "x" * 40)),
    ("usage", (*PUBLISH, "--area", "!!!")),
    ("usage", (*PUBLISH, "--area", "91,200")),
    ("usage", (*PUBLISH, "--quantity", "0")),
    ("usage", (*PUBLISH, "--quantity", "9" * 30)),
    ("usage", (*PUBLISH, "--until", "yesterday")),
    ("usage", (*PUBLISH, "--until", "31.2.2027")),
    ("usage", (*PUBLISH, "--kind", "UPPER CASE")),
    ("usage", (*PUBLISH, "--title", "")),
    ("usage", (*PUBLISH, "--title", "x" * 500)),
    ("usage", (*PUBLISH, "--title", "\x1b[2J")),
    ("usage", (*PUBLISH, "--tag", "x" * 500)),
    ("usage", (*PUBLISH, "--photo", "/nowhere.jpg")),
    ("not_found", ("offer", "show", "ffffffff")),
    ("not_found", ("offer", "show", "../x")),
    ("usage", ("offer", "show", "")),
    ("usage", ("offer", "show", "f" * 300)),
    ("not_found", ("offer", "withdraw", "ffffffff")),
    ("not_found", ("exchange", "propose", "ffffffff")),
    ("not_found", ("exchange", "show", "zz")),
    ("not_found", ("exchange", "pay", "ffffffff")),
    ("not_found", ("peers", "show", "Nobody")),
    ("not_found", ("reputation", "Nobody")),
    ("not_found", ("vouch", "Nobody", "1")),
    ("usage", ("vouch", "Anna", "much")),
    ("usage", ("vouch", "Anna", "0")),
    ("refused", ("vouch", "Anna", "999")),
    ("usage", ("search", "x", "--within", "near")),
    ("usage", ("search", "x", "--near", "###")),
    ("usage", ("search", "x", "--max-price", "??")),
    ("usage", ("search", "x" * 5000)),
    ("usage", ("attest", "ffff", "--outcome", "3")),
    ("not_found", ("attest", "ffff", "--outcome", "2")),
    ("not_found", ("--network", "Nowhere", "ledger", "balance")),
    ("usage", ("nonsense",)),
]


def test_wrong_words_are_refused_in_plain_ones(pair: tuple[Node, Node]) -> None:
    _, ben = pair
    before = ben.cli("offer", "list"), ben.cli("ledger", "log")
    for code, args in WRONG:
        given, message = refused(ben, *args)
        assert given == code, (args, given, message)
    assert (ben.cli("offer", "list"), ben.cli("ledger", "log")) == before, "nothing was done"


def test_links_that_are_no_good(pair: tuple[Node, Node], tmp_path: Path) -> None:
    anna, _ = pair
    link = anna.cli("invite", "--uses", "1")["link"]
    ends = int(time.time() * 1000) + 1_000
    expired = Client(anna.home).call("invite", {"expires": ends})["link"]
    body = link.index("join/") + 5
    with Node("Dora", tmp_path) as dora:
        dora.init("--area", "u33dc")
        dora.start()
        for damaged in (link[:-10], link[:40], link + "x", link[: body + 30] + "A" + link[body + 31 :]):
            assert refused(dora, "join", damaged)[0] == "usage"
        altered = link[:-20] + ("A" if link[-20] != "A" else "B") + link[-19:]  # the end, which nobody has signed
        assert refused(dora, "join", altered) == (
            "refused",
            "the invite link was altered on its way: its end does not fit this network",
        )
        assert dora.cli("status")["state"] == "alone"
        assert dora.cli("join", link, "--wait", "30")["state"] == "joined"
        assert refused(anna, "join", link)[0] == "refused", "her own"
        assert dora.cli("join", link)["state"] == "joined", "twice is once"
        with Node("Emil", tmp_path) as emil:
            emil.init()
            emil.start()
            until("it has expired", lambda: time.time() * 1000 > ends)
            assert refused(emil, "join", expired) == ("refused", "this invite has expired")
            assert refused(emil, "join", link) == ("refused", "the other node says: this invite is used up")
            assert emil.cli("join", anna.address, "--wait", "30")["state"] == "joined", "and is punished for nothing"


def test_an_address_where_somebody_else_answers(pair: tuple[Node, Node], tmp_path: Path) -> None:
    anna, _ = pair
    with Node("Dora", tmp_path) as dora:
        dora.init("--area", "u33dc")
        dora.start()
        trying = dora.cli("join", f"/ip4/127.0.0.1/tcp/{port_of(anna)}/p2p/{NOBODY}")
        assert trying["state"] == "trying" and "another node" in trying["problem"]
        assert "another node" in warnings(dora) and dora.cli("status")["state"] == "joining"
        assert dora.cli("join", anna.address, "--wait", "30")["state"] == "joined"
        assert dora.cli("status")["state"] == "joined"


def test_a_port_or_a_home_that_is_taken(pair: tuple[Node, Node], tmp_path: Path) -> None:
    anna, ben = pair
    code, message = refused(ben, "run", "--listen", "/ip4/127.0.0.1/tcp/0")
    assert code == "conflict" and str(ben.process.pid if ben.process else 0) in message
    with Node("Dora", tmp_path) as dora:
        dora.init()
        code, message = refused(dora, "run", "--listen", f"/ip4/127.0.0.1/tcp/{port_of(anna)}")
        assert code == "conflict" and str(port_of(anna)) in message
        with socket.socket() as other:  # not only our own kind of listener
            other.bind(("127.0.0.1", 0))
            other.listen()
            code, message = refused(dora, "run", "--listen", f"/ip4/127.0.0.1/tcp/{other.getsockname()[1]}")
            assert code == "conflict"
        assert refused(dora, "run", "--listen", "/ip4/8.8.8.8/tcp/4001")[0] in ("failed", "usage")
        assert refused(dora, "run", "--listen", "nonsense")[0] == "usage"
        assert refused(dora, "run", "--bootstrap", "nonsense")[0] == "usage"
        dora.start()
        assert dora.cli("status")["state"] == "alone", "and then it starts as ever"
    assert anna.cli("status")["state"] == ben.cli("status")["state"] == "joined"


def test_a_home_that_is_not_as_it_should_be(tmp_path: Path) -> None:
    with Node("Dora", tmp_path) as dora:
        assert refused(dora, "run")[0] == refused(dora, "status")[0] == "no_daemon"
        dora.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
        dora.start()
        listing = dora.cli("offer", "publish", "--kind", "lend", "--title", "Ladder")["listing_id"]
        assert dora.stop() == 0
        assert refused(dora, "status")[0] == "no_daemon"

        def broken(name: str, content: bytes, code: str, word: str) -> None:
            file = dora.home / name
            kept = file.read_bytes()
            file.write_bytes(content)
            given, message = refused(dora, "run")
            assert given == code and word in message, (name, given, message)
            assert file.read_bytes() == content, "nothing was mended behind our back"
            file.write_bytes(kept)

        broken("version", b"99\n", "refused", "newer")
        broken("version", b"soon", "failed", "damaged")
        config = (dora.home / "config.toml").read_bytes()
        broken("config.toml", config + b"[[[", "failed", "line")
        broken("config.toml", config + b"log_level = 'loud'\n", "failed", "log_level")
        broken("config.toml", config + b"lissten = []\n", "failed", "lissten")
        broken("config.toml", b"\xff\xfe", "failed", "UTF-8")
        broken("keystore.json", b"{}", "failed", "damaged")
        broken("keystore.json", (dora.home / "keystore.json").read_bytes()[:-40], "failed", "damaged")
        for file in (dora.home / "store" / "heads").glob("*.head"):
            broken(f"store/heads/{file.name}", b"\0" * file.stat().st_size, "failed", "damaged")
        broken("store/db/CURRENT", b"MANIFEST-999999\n", "failed", "damaged")
        refused(dora, "init", "--name", "Eve", "--new-network", "Oak", "--unit", "our unit of credit" * 20)
        (dora.home / "keystore.json").chmod(0o644)
        assert "0600" in dora.start(), "it says that it mended the permissions"
        assert (dora.home / "keystore.json").stat().st_mode & 0o777 == 0o600
        assert [row["listing_id"] for row in dora.cli("offer", "list")] == [listing]
        assert dora.cli("ledger", "verify")["ok"]


def test_a_sealed_keystore(tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("correct horse\n")
    wrong.write_text("battery staple\n")
    with Node("Dora", tmp_path) as dora:
        dora.init("--passphrase-file", str(right))
        assert refused(dora, "run")[0] == "refused"
        code, message = refused(dora, "run", "--passphrase-file", str(wrong))
        assert code == "refused" and "passphrase" in message
        assert refused(dora, "run", "--passphrase-file", str(tmp_path / "none"))[0] == "failed"
        dora.start("--passphrase-file", str(right))
        assert dora.cli("status")["state"] == "alone"


def test_no_network_at_all_then_joined_later(pair: tuple[Node, Node], tmp_path: Path) -> None:
    anna, _ = pair
    with Node("Dora", tmp_path) as dora:
        dora.init("--area", "u33dc")
        dora.start()
        draft = dora.cli("offer", "publish", "--kind", "lend", "--title", "Wheelbarrow")
        assert draft["state"] == "draft"
        for command in (("ledger", "balance"), ("invite",), ("search", "x")):
            code, message = refused(dora, *command)
            assert code == "refused" and "network" in message
        dora.kill()
        dora.start()
        assert dora.cli("offer", "list")[0]["state"] == "draft"
        assert dora.cli("join", anna.address, "--wait", "30")["state"] == "joined"
        until("Anna finds the draft", lambda: [r for r in anna.cli("search", "wheelbarrow") if r["title"]])
        assert [row["listing_id"] for row in dora.cli("offer", "list")] == [draft["listing_id"]]


@pytest.mark.parametrize("form", ["/dns4/localhost", "/ip6/::1"])
def test_joining_by_name_and_by_ipv6(form: str, tmp_path: Path) -> None:
    listen = ["/ip4/127.0.0.1/tcp/0"] if "dns4" in form else ["/ip6/::1/tcp/0"]
    with Node("Anna", tmp_path, listen=listen) as anna, Node("Ben", tmp_path) as ben:
        anna.init("--new-network", "Elm Street", "--unit", "hour")
        anna.start()
        ben.init()
        ben.start()
        target = f"{form}/tcp/{port_of(anna)}/p2p/{anna.peer_id}"
        assert ben.cli("join", target, "--wait", "30")["state"] == "joined"
        assert ben.stop() == 0
        ben.start("--bootstrap", target)
        until("Ben is back", lambda: ben.cli("status")["state"] == "joined")
