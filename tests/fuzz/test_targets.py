"""Every handler of bytes from elsewhere bears whatever is made of what it knows: nothing comes of it, or a refusal.

Here a sample; all cuts and all flips with P2PNODE_LONG=1, more with P2PNODE_TRIALS, and `make fuzz` goes where the
coverage grows.
"""

import os
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import DecodeError
from tests.faults.figures import LONG

from .mutate import RAW, Signers, flipped, mutated, truncations
from .table import FACTOR, STALL, Stalled, Target, attempt
from .targets import FOUND, TARGETS

TRIALS = int(os.environ.get("P2PNODE_TRIALS", "0"))
SAMPLE = 16  # cuts, and flips, of a seed
SEEDS = 4  # of a target, from which these are made
each = pytest.mark.parametrize("name", TARGETS)
FOUND_FILES = sorted(p for p in (Path(__file__).parent / FOUND).glob("*/*") if p.is_file())


def some(target: Target) -> list[bytes]:
    found = list(target.seeds())
    return found if LONG else found[:: -(-len(found) // SEEDS)]


@each
def test_what_is_sound_is_taken(name: str) -> None:
    target = TARGETS[name]
    taken = [attempt(target, seed, FACTOR) for seed in target.seeds()]
    assert any(taken), "the control: a seed gets all the way"


@each
def test_whatever_is_cut_off(name: str) -> None:
    target = TARGETS[name]
    for seed in some(target):
        cuts = list(truncations(seed))
        for cut in cuts if LONG else cuts[:: -(-len(cuts) // SAMPLE) or 1]:
            attempt(target, cut, FACTOR)


@each
def test_whatever_bit_is_flipped(name: str) -> None:
    target = TARGETS[name]
    for seed in some(target):
        step = 1 if LONG else max(1, 8 * len(seed) // SAMPLE)
        for place in range(step // 2, 8 * len(seed), step):
            attempt(target, flipped(seed, place), FACTOR)


@each
@settings(max_examples=TRIALS or (5_000 if LONG else 40), deadline=None, derandomize=True, database=None)
@given(chance=st.integers(0, 2**32))
def test_whatever_is_changed(name: str, chance: int) -> None:
    target, rng = TARGETS[name], Random(chance)
    seeds = target.seeds()
    attempt(target, mutated(rng.choice(seeds), rng, target.signers(), rng.choice(seeds)), FACTOR)


@each
@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(data=st.binary(max_size=300))
def test_whatever_comes(name: str, data: bytes) -> None:
    attempt(TARGETS[name], data, FACTOR)


@each
def test_what_is_deep_long_or_announced_too_long(name: str) -> None:
    target = TARGETS[name]
    deep = [b"\x91" * 65_000 + b"\xc0", b"[" * 60_000, b'{"a":' * 10_000, b"a = " + b"[" * 60_000]
    bad = [*RAW, *deep, b"\xff" * 65_536, b"a" * 70_000, b"\0" * 9]
    for data in bad:
        attempt(target, data, FACTOR)
        attempt(target, target.seeds()[0][:2] + data, FACTOR)


@pytest.mark.parametrize("path", FOUND_FILES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_what_once_met_a_bug(path: Path) -> None:
    attempt(TARGETS[path.parent.name], path.read_bytes(), FACTOR)


# The controls


def test_a_handler_that_raises_is_noticed() -> None:
    def fails_on_some(data: bytes) -> None:
        TARGETS["records"].run(data)
        raise DecodeError(str({}[data]))

    mutant = replace(TARGETS["records"], run=fails_on_some)
    with pytest.raises(KeyError):
        for seed in mutant.seeds():
            attempt(mutant, seed)


def test_a_handler_that_takes_its_time_is_noticed() -> None:
    def goes_on_and_on(data: bytes) -> None:
        for number in range(30_000_000):
            hash(number)

    with pytest.raises(Stalled):
        attempt(Target("slow", goes_on_and_on, list, limit=STALL), b"")


def test_a_seed_is_an_input_and_signatures_can_be_made_anew() -> None:
    target = TARGETS["records"]
    sound = [seed for seed in target.seeds() if attempt(target, seed)]

    def made(signers: Signers) -> list[bytes]:
        return [mutated(seed, Random(n), signers) for seed in sound for n in range(100)]

    again = made(target.signers())
    assert again == made(target.signers()) and len(set(again)) > 80 * len(sound)
    signed, bare = (sum(attempt(target, d) for d in set(m) - set(sound)) for m in (again, made({})))
    assert signed > 20 + 2 * bare, "what was changed and signed again gets behind the signature"
