"""Setting a node up without a daemon; and the notes for its next start."""

import random
from pathlib import Path
from typing import Any

import pytest

from p2pnode.home.config import load_config
from p2pnode.home.folder import Home
from p2pnode.home.founding import NetworkPlan, check_target, describe_network, genesis_wires, set_up
from p2pnode.home.keystore import create_keystore, load_keystore
from p2pnode.home.pending import MAX_PENDING, NewNetwork, NotedJoin, Pending, clear_pending, load_pending, note_join
from protocols.errors import Refusal
from protocols.genesis import parse_genesis
from protocols.invite import make_invite, pasted

PEER = "12D3KooWCZaPq6Bx7CEEm7NfchiZpQQcMMcrKAEZYuWBfP44jvBm"
PLAN = NetworkPlan("Elm Street", "hour")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def link_of(tmp_path: Path) -> tuple[str, str]:
    """An invite link, and the network's id in hex."""
    inviter = Home(tmp_path / "inviter")
    data = set_up(inviter, "Ann", plan=PLAN)
    keys, _ = load_keystore(inviter.keystore)
    record, _ = parse_genesis(genesis_wires(inviter)[0])
    _, link = make_invite(
        keys.signer(), record.id, random.Random(1), vouch=5, uses=1,
        expires_at=2_000_000_000_000, note="", addresses=(f"/ip4/192.0.2.1/tcp/4001/p2p/{PEER}",),
    )  # fmt: skip
    return link, data["network"]["id"]


def test_a_network_is_founded_at_once(home: Home) -> None:
    data = set_up(home, "Ann", "52.5200,13.4050", PLAN._replace(decimals=1, endowment="50.5"))
    assert data["network"] == {"id": data["network"]["id"], "name": "Elm Street", "unit": "hour", "decimals": 1}
    assert data["area"] == "u33dc" and data["name"] == "Ann" and len(data["words"].split()) == 24
    record, genesis = parse_genesis((home.networks / f"{data['network']['id']}.genesis").read_bytes())
    me = bytes.fromhex(data["author"])
    assert record.author == me and genesis.stewards == (me,) and genesis.quorum == 1
    assert (genesis.endowment(me), genesis.newcomer_limit, genesis.open) == (505, 100, True)
    assert genesis.area == "u33dc"
    assert load_pending(home) == Pending(
        (NewNetwork(data["network"]["id"], "Elm Street", "hour", 1, newcomer_limit=100, endowment=505),)
    )
    assert load_config(home, {})[0].area == "u33dc", "and nothing finer is kept"
    assert "52.5200" not in home.config.read_text()
    assert describe_network(genesis_wires(home)[0]) == data["network"]
    assert not any(data["words"] in p.read_text() for p in home.root.glob("*.*") if p.is_file())


def test_it_is_never_done_over(home: Home) -> None:
    first = set_up(home, "Ann", plan=PLAN)
    files = {p: p.read_bytes() for p in home.root.rglob("*") if p.is_file()}
    attempts: list[dict[str, Any]] = [{}, {"plan": PLAN}, {"listen": ("/ip4/0.0.0.0/tcp/1",)}, {"area": "u33dc"}]
    for changes in attempts:
        with pytest.raises(Refusal) as e:
            set_up(home, "Ann", **changes)
        assert e.value.code == "conflict" and e.value.hint
    with pytest.raises(Refusal):
        set_up(home, "Bob", plan=PLAN._replace(name="Oak Street"))
    assert {p: p.read_bytes() for p in home.root.rglob("*") if p.is_file()} == files
    second = set_up(home, None, plan=PLAN._replace(name="Oak Street", open=False))
    assert "words" not in second and second["author"] == first["author"]
    assert len(genesis_wires(home)) == 2 == len(load_pending(home).network)


def test_a_bare_identity_first_then_a_network(home: Home) -> None:
    first = set_up(home, "Ann")
    assert first["network"] is None and load_pending(home) == Pending()
    assert set_up(home, None, plan=PLAN)["peer_id"] == first["peer_id"]
    with pytest.raises(Refusal, match="needs a name"):
        set_up(Home(home.root.with_name("other")), None)


@pytest.mark.parametrize(
    "changes",
    [
        {"area": "nowhere at all"},
        {"area": "91,0"},
        {"target": "/ip4/1.2.3.4/tcp/1"},
        {"target": "http://example.org"},
        {"listen": ("/ip4/0.0.0.0/udp/1",)},
        {"listen": (f"/ip4/0.0.0.0/tcp/1/p2p/{PEER}",)},
        {"name": ""},
        {"name": "x" * 100},
        {"plan": PLAN._replace(unit="")},
        {"plan": PLAN._replace(unit="two words")},
        {"plan": PLAN._replace(name="")},
        {"plan": PLAN._replace(decimals=7)},
        {"plan": PLAN._replace(endowment="-1")},
        {"plan": PLAN._replace(endowment="1.234")},
        {"plan": PLAN._replace(newcomer_limit="1e3")},
        {"plan": PLAN._replace(endowment="9" * 30)},
        {"passphrase_file": Path("/nowhere/at/all")},
    ],
)
def test_bad_words_are_refused_before_anything_is_written(home: Home, changes: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        set_up(home, **{"name": "Ann", **changes})
    assert not home.root.exists()


def test_a_passphrase_seals_from_the_start(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.write_text("secret\n")
    set_up(home, "Ann", passphrase_file=file)
    with pytest.raises(Refusal):
        load_keystore(home.keystore)
    with pytest.raises(Refusal, match="sealed"):
        set_up(home, None, plan=PLAN)
    assert set_up(home, None, plan=PLAN, passphrase_file=file)["network"]


def test_a_target_is_noted(home: Home, tmp_path: Path) -> None:
    address = f"/dns4/ann.example/tcp/4001/p2p/{PEER}"
    assert set_up(home, "Bob", target=address)["network"] is None
    link, network = link_of(tmp_path)
    assert set_up(home, None, target=link)["network"] == {"id": network, "name": None, "unit": None}
    note_join(home, address)
    assert load_pending(home).join == (NotedJoin(address), NotedJoin(link))
    clear_pending(home)
    clear_pending(home)
    assert load_pending(home) == Pending()


def test_a_link_that_a_letter_broke_is_mended(home: Home, tmp_path: Path) -> None:
    link, network = link_of(tmp_path)
    for torn in (f"{link[:60]}\r\n {link[60:]}", f"<{link}>.", f"Come in: {link}"):
        check_target(torn)
        assert pasted(torn) == link
    assert set_up(home, "Bob", target=f" <{link[:60]}\n{link[60:]}>")["network"]["id"] == network
    assert load_pending(home).join == (NotedJoin(link),)


def test_targets(tmp_path: Path) -> None:
    link, _ = link_of(tmp_path)
    for good in (link, f"/ip6/::1/tcp/4001/p2p/{PEER}", f"/dns6/a.example/tcp/1/p2p/{PEER}"):
        check_target(good)
    for bad in (
        "", "ann", link[:-8], link + "A", f"/ip4/1.2.3.4/tcp/0/p2p/{PEER}", "/ip4/1.2.3.4/tcp/1/p2p/xyz",
        f"/ip4/1.2.3.4/udp/1/p2p/{PEER}", "p2pnode://join/", "p2pnode:nothing",
    ):  # fmt: skip
        with pytest.raises(Refusal) as e:
            check_target(bad)
        assert e.value.code == "usage" and e.value.hint


def test_damaged_notes_and_genesis_files_are_named(home: Home) -> None:
    set_up(home, "Ann", plan=PLAN)
    home.pending.write_text("[[join]]\ntarget = 3")
    with pytest.raises(Refusal, match=r"pending\.toml"):
        load_pending(home)
    clear_pending(home)
    path = next(home.networks.glob("*.genesis"))
    wire = path.read_bytes()
    path.write_bytes(wire[:-1] + bytes([wire[-1] ^ 1]))
    with pytest.raises(Refusal, match="damaged"):
        genesis_wires(home)
    path.unlink()
    (home.networks / ("00" * 16 + ".genesis")).write_bytes(wire)
    with pytest.raises(Refusal, match="another network"):
        genesis_wires(home)


def test_notes_are_bounded(home: Home) -> None:
    home.create()
    create_keystore(home.keystore)
    for i in range(MAX_PENDING):
        note_join(home, f"/ip4/192.0.2.1/tcp/{i + 1}/p2p/{PEER}")
    with pytest.raises(Refusal):
        note_join(home, "one more")
    assert len(load_pending(home).join) == MAX_PENDING
