"""The story of the README on loopback: four processes, real connections, real ledgers."""

from pathlib import Path

from tests.e2e.story import on_loopback


def test_a_street_publishes_finds_agrees_settles_and_attests(tmp_path: Path) -> None:
    story = on_loopback(tmp_path)
    try:
        for chapter in story.chapters:
            chapter()
        for node in story.nodes:
            assert node.stop() == 0
    finally:
        story.end()
