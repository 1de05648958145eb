"""What is said to who types a command that there is none of."""

import pytest

from cli.main import main


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("ofer list", "Try: p2pnode offer\n"),
        ("publish", "Try: p2pnode offer publish, or p2pnode request publish, or "),
        ("split", "Try: p2pnode project split\n"),
        ("qqqq", "Try: p2pnode --help\n"),
        ("help serch", "Did you mean: p2pnode help search\n"),
        ("help offer publsh", "Did you mean: p2pnode help offer publish\n"),
        ("help qqqq", "Try: p2pnode --help lists all commands\n"),
    ],
)
def test_what_may_be_meant_is_named(typed: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed.split()) == 2
    assert hint in capsys.readouterr().err
