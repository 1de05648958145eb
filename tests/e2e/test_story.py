"""The story of the README on loopback: four processes, real connections, real ledgers."""

from pathlib import Path

from scripts.demo import Recorder, readme_block, varying
from tests.e2e.story import on_loopback


def test_a_street_publishes_finds_agrees_settles_and_attests(tmp_path: Path) -> None:
    recorder = Recorder()
    story = on_loopback(tmp_path, recorder)
    try:
        for chapter in story.chapters:
            chapter()
        for node in story.nodes:
            assert node.stop() == 0
    finally:
        story.end()
    assert varying(readme_block()) == varying(recorder.block), "python scripts/demo.py --readme writes it anew"
