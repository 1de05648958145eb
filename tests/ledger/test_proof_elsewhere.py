"""The checker of docs/ledger.md, in another language, comes to the same result as ours."""

import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

from ledger.proof import check_proof
from protocols.errors import Reject
from tests.ledger.test_proof import chains, prove

__all__ = ["chains"]

CHECKER = Path(__file__).parents[2] / "docs" / "examples" / "check-proof.mjs"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not on this machine: the checker in it is not tried")


def check(content: bytes, tmp_path: Path) -> tuple[int, str]:
    (tmp_path / "proof.p2p").write_bytes(content)
    run = subprocess.run(
        [str(NODE), str(CHECKER), str(tmp_path / "proof.p2p")], capture_output=True, text=True, timeout=30
    )
    return run.returncode, run.stdout + run.stderr


def test_what_holds_here_holds_there(chains, tmp_path):
    for author, seq in ((chains[0], 2), (chains[1], 4), (chains[1], 1), (chains[1], -1)):
        content = prove(author, author.entries[seq].seq)
        ours = check_proof(content)
        status, said = check(content, tmp_path)
        assert status == 0 and "The proof holds" in said and ours["exchange_id"] in said
        if ours["proves"] == "payment":
            assert f"{ours['payer']} paid {ours['payee']} {ours['amount'] / 100:g} hour" in said
        else:
            assert "no payment" in said


def test_what_is_false_here_is_false_there(chains, tmp_path):
    rng = Random(1)
    content = prove(chains[1], 4)
    for _ in range(12):
        place = rng.randrange(len(content) * 8)
        broken = bytearray(content)
        broken[place // 8] ^= 1 << place % 8
        with pytest.raises(Reject):
            check_proof(bytes(broken))
        status, said = check(bytes(broken), tmp_path)
        assert status == 1 and "does not hold" in said, place


def test_the_check_itself_is_short():
    lines = CHECKER.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("// ----"))
    assert len(lines) - start - 1 <= 60
