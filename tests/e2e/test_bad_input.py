"""Bad input and bad circumstances, as a user of real processes meets them: a clear error, and nothing lost."""

import json
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pnode.client import Client
from tests.e2e.killer import street
from tests.e2e.nodes import CLI, ROOT, Failed, Node, until

NOBODY = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"  # a peer id that nobody here has
JARGON = re.compile(r"Traceback|Error\(|Expected `|expected `|regex|\bb'|None|A fault in p2pnode")
STATUS = {"failed": 1, "usage": 2, "not_found": 3, "no_daemon": 4, "refused": 5, "conflict": 6, "unreachable": 7}


def refused(node: Node, *args: str) -> tuple[str, str]:
    """Run a command that must fail; its code and message. Exit status, words and hint must be fit for a person."""
    try:
        data = node.cli(*args)
    except Failed as failed:
        error = failed.error
        assert failed.status == STATUS[error["code"]], (args, failed.status, error)
        assert error["message"] and error["hint"], (args, error)
        assert not JARGON.search(error["message"] + error["hint"]), (args, error)
        return error["code"], error["message"]
    raise AssertionError(f"{args} should have been refused, but gave {data}")


def port_of(node: Node) -> int:
    return int(node.address.split("/tcp/")[1].split("/")[0])


def warnings(node: Node) -> str:
    return " | ".join(node.cli("status")["warnings"])


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


def test_an_unreachable_bootstrap(tmp_path: Path) -> None:
    """It is tried again and again, the status says so, and what is published meanwhile spreads when it comes up."""
    with Node("Anna", tmp_path) as anna, Node("Ben", tmp_path) as ben:
        anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
        anna.start()
        ben.init("--area", "u33dc")
        ben.start()
        assert ben.cli("join", anna.address, "--wait", "30")["state"] == "joined"
        assert ben.stop() == anna.stop() == 0
        began = time.monotonic()
        ben.start("--bootstrap", anna.address)
        assert time.monotonic() - began < 20, "it does not wait for others"
        assert until("the warning", lambda: "bootstrap" in warnings(ben) and "trying again" in warnings(ben))
        assert ben.cli("status")["state"] == "alone"
        published = ben.cli("offer", "publish", "--kind", "lend", "--title", "Ladder")
        assert published["state"] == "stored"
        assert refused(ben, "offer", "publish", "--kind", "lend", "--title", "Saw", "--wait", "1")[0] == "unreachable"
        assert stops(ben) == 0
        ben.start("--bootstrap", anna.address)
        anna.start()
        until("Anna has both", lambda: {r["title"] for r in anna.cli("search", "")} >= {"Ladder", "Saw"}, 60)
        until("no more warnings", lambda: "bootstrap" not in warnings(ben))


def stops(node: Node, how: int = signal.SIGTERM) -> int:
    """The exit status of a node that is told to stop; it must obey within 3 s."""
    process = node.process
    assert process is not None
    began = time.monotonic()
    process.send_signal(how)
    status = process.wait(10)
    node.process = None
    assert time.monotonic() - began < 3, f"{time.monotonic() - began:.1f} s to stop"
    assert not (node.home / "control.sock").exists()
    return status


def test_stopping(tmp_path: Path) -> None:
    """SIGTERM: within 3 s and with 0, while dialling, too; SIGINT: 130; both with half-open callers at the door."""
    with Node("Dora", tmp_path) as dora, socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()  # accepts, and says nothing: the dial hangs in its handshake
        dora.init("--new-network", "Elm Street", "--unit", "hour")
        targets = [f"/ip4/127.0.0.1/tcp/{mute.getsockname()[1]}/p2p/{NOBODY}", f"/ip4/192.0.2.1/tcp/1/p2p/{NOBODY}"]
        dora.start("--bootstrap", targets[0])
        assert stops(dora) == 0
        dora.start("--bootstrap", targets[1])
        with socket.create_connection(("127.0.0.1", port_of(dora))):
            assert stops(dora, signal.SIGINT) == 130
        dora.start()
        with socket.create_connection(("127.0.0.1", port_of(dora))), socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(dora.home / "control.sock"))
            caller.send(b"POST /v1/status HTTP/1.1\r\n")  # and never ends its request
            assert stops(dora) == 0
        events = subprocess.Popen(
            [*CLI, "--json", "status", "--watch"], env=dora.environment, cwd=ROOT, stdout=subprocess.DEVNULL
        )
        try:
            dora.start()
            assert stops(dora) == 0
        finally:
            events.kill()
            events.wait()


def test_two_networks_do_not_mix(tmp_path: Path) -> None:
    """Nodes of two networks that dial each other: nothing leaks over, and nobody is punished for it."""
    with Node("Anna", tmp_path) as anna, Node("Otto", tmp_path) as otto:
        for node, network in ((anna, "Elm Street"), (otto, "Oak Street")):
            node.init("--area", "u33dc", "--new-network", network, "--unit", "hour")
            node.start()
            node.cli("offer", "publish", "--kind", "lend", "--title", f"Ladder of {node.name}")
        assert otto.stop() == 0
        otto.start("--bootstrap", anna.address)
        for node in (anna, otto):
            until("they are connected", lambda node=node: node.cli("status")["peers"] == 1)
        anna.cli("offer", "publish", "--kind", "lend", "--title", "Saw of Anna", "--until", "3d")
        end = time.monotonic() + 3  # time enough for gossip
        while time.monotonic() < end:
            assert {r["title"] for r in otto.cli("search", "")} == {"Ladder of Otto"}
        assert {r["title"] for r in anna.cli("search", "")} == {"Ladder of Anna", "Saw of Anna"}
        for node in (anna, otto):
            log = [json.loads(line) for line in (node.home / "node.log").read_text().splitlines()]
            assert not [line for line in log if line["event"] == "strike"], log
            assert node.cli("status")["peers"] == 1
        # the control: one who joins does get it
        assert otto.cli("join", anna.address, "--wait", "30")["state"] == "joined"
        until("now it is there", lambda: any("Anna" in r["title"] for r in otto.cli("search", "")))
        assert not any("Otto" in r["title"] for r in anna.cli("search", ""))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a full disk is tried on a tmpfs of its own, which only root may mount: NOT TESTED here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def publish_until_refused(node: Node, most: int) -> tuple[list[str], str]:
    done = []
    for number in range(most):
        try:
            text = "x" * 1900
            said = node.cli("offer", "publish", "--kind", "sell", "--title", f"Thing {number}", "--text", text)
        except Failed as failed:
            assert failed.status == 1 and "space" in failed.error["message"] and failed.error["hint"], failed
            return done, failed.error["message"]
        done.append(said["listing_id"])
    return done, ""


def test_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    filler = small_disk / "filler"
    with Node("Dora", small_disk) as dora:
        dora.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
        dora.start()
        done, problem = publish_until_refused(dora, 5)
        assert len(done) == 5 and not problem and warnings(dora) == "", "the control: with space, all goes well"
        filler.write_bytes(b"x" * (free(small_disk) - 40_000))
        more, problem = publish_until_refused(dora, 60)
        assert problem, "the disk was never full"
        done += more
        assert "disk" in warnings(dora) and refused(dora, "offer", "list")[0] == "failed"
        filler.unlink()
        last = until("it goes on by itself", lambda: dora.cli("offer", "publish", "--kind", "sell", "--title", "Last"))
        assert warnings(dora) == ""
        done.append(last["listing_id"])
        assert {row["listing_id"] for row in dora.cli("offer", "list")} >= set(done), "what was acknowledged is there"
        until(
            "the search index caught up",
            lambda: {row["listing_id"] for row in dora.cli("search", "", "--limit", "500")} >= set(done),
        )
        filler.write_bytes(b"x" * free(small_disk))
        dora.kill()
        terminal = dora.home / "terminal.txt"
        terminal.unlink()
        terminal.symlink_to(tmp_path / "terminal.txt")  # the terminal is not on the full disk
        code, message = refused(dora, "run")
        assert code == "failed" and "space" in message, message
        filler.unlink()
        dora.start()
        assert {row["listing_id"] for row in dora.cli("offer", "list")} >= set(done)
        assert dora.cli("ledger", "verify")["ok"]
