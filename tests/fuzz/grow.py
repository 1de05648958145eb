"""One target under atheris, until libFuzzer's own options end it: `python -m tests.fuzz.grow TARGET CORPUS [-OPTION…]`.

Half of the changes are libFuzzer's own, half know the formats (`mutate`).
"""

import sys
from random import Random

import atheris

with atheris.instrument_imports(include=["protocols", "ledger", "dht", "p2pnode", "cli"]):
    from tests.fuzz.mutate import mutated
    from tests.fuzz.table import FACTOR, attempt
    from tests.fuzz.targets import TARGETS

SLOWER = 4.0  # counting what is reached costs as much


def main() -> None:
    target = TARGETS[sys.argv.pop(1)]
    seeds, signers = target.seeds(), target.signers()

    def one(data: bytes) -> None:
        attempt(target, data, FACTOR * SLOWER)

    def change(data: bytes, longest: int, seed: int) -> bytes:
        rng = Random(seed)
        if rng.random() < 0.5:
            return bytes(atheris.Mutate(data, longest))
        return mutated(bytes(data), rng, signers, rng.choice(seeds))[:longest]

    atheris.Setup(sys.argv, one, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
