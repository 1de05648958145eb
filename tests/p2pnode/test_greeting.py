"""What a node says when it is ready."""

from p2pnode.greeting import LAST_LINE, greeting

ADDRESS = "/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWx"


def test_who_has_nobody_yet_is_told_to_invite() -> None:
    alone = greeting("p2pnode", "Ann", "Elm Street", [ADDRESS], 3, alone=True)
    assert any("p2pnode invite" in line for line in alone) and alone[-1] == LAST_LINE
    assert not any("invite" in line for line in greeting("p2pnode", "Ann", "Elm Street", [ADDRESS], 3))
    assert any("p2pnode invite" in line for line in greeting("p2pnode", "Ann", "Elm Street", [ADDRESS], 0))
    assert any("p2pnode join" in line for line in greeting("p2pnode", "Ann", "", [ADDRESS], 0))


def test_who_is_joining_is_not_told_to_join() -> None:
    said = greeting("p2pnode", "Ann", "", [ADDRESS], 0, alone=True, joining=True)
    assert any("p2pnode status" in line for line in said) and any("publish" in line for line in said)
    assert not any("p2pnode join" in line or "init" in line for line in said) and said[-1] == LAST_LINE
