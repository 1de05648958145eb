"""The table of the database's keys."""

from p2pnode.core import keys


def test_no_two_kinds_of_rows_share_a_key() -> None:
    """A prefix of another would read the other's rows as its own. CLOCK is one of the single values."""
    named = {name: value for name, value in vars(keys).items() if name.isupper() and name != "CLOCK"}
    assert len(named) > 20 and all(len(value) == 1 for value in named.values())
    assert len(set(named.values())) == len(named), sorted(named.items(), key=lambda item: item[1])
