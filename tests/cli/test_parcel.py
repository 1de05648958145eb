"""`p2pnode parcel`: what reaches the node, and what needs none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from p2pnode.qr import lines
from protocols.receipt import format_receipt
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode
from tests.protocols.custody import chain, half, receipt
from tests.strategies import NOW, signer

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_(*found: object) -> str:
        path = tmp_path / "box.p2p"
        path.write_text("".join(f"{format_receipt(one)}\n" for one in found))  # type: ignore[arg-type]
        return str(path)

    return write_


def test_receipts_are_checked_without_a_node(run: Run, write: Write) -> None:
    made = chain([1, 2, 3])
    (one,) = run("parcel", "check", write(*reversed(made)), "--json").data
    assert one["holder"] == signer(3).author.hex() and one["origin"] == signer(1).author.hex()
    assert [row["id"] for row in one["path"]] == [r.id.hex() for r in made]
    assert one["whole"] and not one["forks"] and not one["unchecked"]
    shown = run("parcel", "check", write(*made))
    assert shown.status == 0 and shown.out.count("→") == 2 and one["parcel"] in shown.out


def test_who_gave_it_twice_is_named(run: Run, write: Write) -> None:
    file = write(receipt(1, 2), receipt(1, 3, at=NOW + 1))
    (fork,) = run("parcel", "check", file, "--json").data[0]["forks"]
    assert fork["giver"] == signer(1).author.hex()
    assert "Given twice" in run("parcel", "check", file).out


def test_a_false_signature_is_found(run: Run, write: Write) -> None:
    one, other = receipt(1, 2), receipt(3, 4)
    text = format_receipt(
        type(one)(**{**_fields(one), "wire": one.wire.replace(one.signature_taker, other.signature_taker)})
    )
    path = Path(write(one))
    path.write_text(text)
    done = run("parcel", "check", str(path), "--json")
    assert done.status == 1 and "false" in done.error["message"]


def _fields(one: object) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__}  # type: ignore[attr-defined]


@pytest.mark.parametrize("content", ["", "P2PNODE:RECEIPT:AAAA", "hello\n"])
def test_what_is_no_receipt(run: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "x").write_text(content)
    assert run("parcel", "check", str(tmp_path / "x"), "--json").status == 1
    assert run("parcel", "check", str(tmp_path / "nothing"), "--json").error["code"] == "not_found"


def test_half_a_receipt_moves_nothing(run: Run, write: Write) -> None:
    assert "signed by both" in run("parcel", "check", write(half(1, 2)), "--json").error["message"]


def test_take_knows_a_file_a_text_and_an_id(run: Run, node: FakeNode, write: Write, tmp_path: Path) -> None:
    file = write(half(1, 2))
    text = format_receipt(half(1, 2))
    answer = {"parcel": "9c", "texts": "P2PNODE:RECEIPT:AA\n", "path": [{"giver_name": "Anna"}]}
    node.answers["parcel.take"] = answer
    for what, wanted in ((file, {"text": text + "\n"}), (text, {"text": text}), ("5be1", {"id": "5be1", "text": ""})):
        run("parcel", "take", what, "--out", str(tmp_path / "back"))
        name, args = node.last
        assert name == "parcel.take" and {k: v for k, v in args.items() if v is not None} == wanted
        assert (tmp_path / "back").read_text() == answer["texts"]


def test_a_photo_goes_by_its_hash_alone(run: Run, node: FakeNode, tmp_path: Path) -> None:
    from hashlib import blake2b

    photo = tmp_path / "box.jpg"
    photo.write_bytes(b"picture")
    run("parcel", "give", "77c1", "--photo", str(photo), "--note", "dry")
    args = node.last[1]
    assert args["photos"] == (blake2b(b"picture", digest_size=32).hexdigest(),) and args["note"] == "dry"


def test_the_code_for_the_door_as_one_can_scan_it(run: Run, node: FakeNode) -> None:
    node.answers["parcel.code"] = {"code": "K7QM-2XPD-9V3T"}
    assert run("parcel", "code", "77c1", "--qr").out.splitlines() == ["K7QM-2XPD-9V3T", *lines("K7QM-2XPD-9V3T")]
