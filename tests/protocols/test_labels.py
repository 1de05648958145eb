import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import Refusal
from protocols.labels import GoalLabel, Labels, format_labels, parse_labels, without_labels
from protocols.limits import DAY, HOUR, MAX_TOKEN
from tests.strategies import lines

PART = bytes(range(12))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (["goal=10"], Labels(goal=GoalLabel("10"))),
        (["goal=500hour"], Labels(goal=GoalLabel("500", "hour"))),
        (["goal=2.5hour"], Labels(goal=GoalLabel("2.5", "hour"))),
        (["orders=2d"], Labels(orders=2 * DAY)),
        ([f"part={PART.hex()}"], Labels(part=PART)),
        (["snow", "instant"], Labels(instant=True)),
        (["handover=both", "handover=bring"], Labels(handover="both")),
        (["handover=", "handover=by drone", "Handover=bring", "bring"], Labels()),
        (["goal=3", "goal=4", "orders=1h", "orders=2h"], Labels(goal=GoalLabel("3"), orders=HOUR)),
        (["goal=0", "goal=0.0hour", "goal=2.5", "goal=", "goal=x", "goal=01"], Labels()),
        (["goal=1e3"], Labels(goal=GoalLabel("1", "e3"))),
        (["orders=0d", "orders=91d", "orders=2", "orders=soon", "part=ab", "part=" + "A" * 24, "Instant"], Labels()),
    ],
)  # fmt: skip
def test_what_tags_say(tags, said):
    assert parse_labels(tags) == said


@given(
    st.lists(
        lines(MAX_TOKEN) | st.sampled_from(["goal=10", "goal=5hour", "orders=2d", "instant", "handover=fetch"]),
        max_size=16,
    )
)
def test_any_tags_are_read_and_written_again(tags):
    labels = parse_labels(tags)
    if labels.goal is None or len(labels.goal.unit) <= 16:
        assert parse_labels(format_labels(labels)) == labels
    assert parse_labels(without_labels(tags)) == Labels()


@given(
    st.none() | st.builds(GoalLabel, st.integers(1, 10**14).map(str), st.sampled_from(["", "hour", "EUR"])),
    st.integers(0, 90 * 24 * 60).map(lambda minutes: minutes * 60_000),
    st.sampled_from([b"", PART]),
    st.booleans(),
    st.sampled_from(["", "fetch", "bring", "both"]),
)
def test_what_is_written_is_read(goal, orders, part, instant, handover):
    labels = Labels(goal, orders, part, instant, handover)
    tags = format_labels(labels)
    assert parse_labels(tags) == labels
    assert all(len(tag) <= MAX_TOKEN for tag in tags) and without_labels(tags) == ()


def test_a_listing_id_is_cut_to_what_a_tag_has_room_for():
    assert format_labels(Labels(part=PART + b"\xff" * 20)) == (f"part={PART.hex()}",)


@pytest.mark.parametrize(
    "labels",
    [Labels(goal=GoalLabel("0")), Labels(orders=91 * DAY), Labels(orders=1), Labels(goal=GoalLabel("1", "a b"))],
)
def test_what_no_tag_can_say(labels):
    with pytest.raises(Refusal, match="cannot be said"):
        format_labels(labels)
