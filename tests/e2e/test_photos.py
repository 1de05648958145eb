"""A photo outlives its author's node: real processes, real pictures."""

from base64 import b64decode
from pathlib import Path

from PIL import Image

from p2pnode.client import Client
from protocols.identity import digest
from protocols.photo import check_photo
from tests.e2e.nodes import Node, until


def test_a_photo_goes_from_hand_to_hand(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Main Street 4"
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "bike.jpg", exif=exif.tobytes())
    anna, ben, cleo = (Node(name, tmp_path) for name in ("Anna", "Ben", "Cleo"))
    try:
        anna.init("--new-network", "Land", "--unit", "hour", "--area", "u33dc")
        anna.start()
        published = ("offer", "publish", "--kind", "lend", "--title", "Bike", "--photo", str(tmp_path / "bike.jpg"))
        offered = anna.cli(*published)["listing_id"]
        (photo,) = Client(anna.home).call("listing.show", {"id": offered})["photos"]
        ben.init("--area", "u33dc")
        ben.start()
        Client(ben.home).call("join", {"target": anna.address})
        here = until(
            "Ben to have it beforehand",
            lambda: (
                (ben.home / "photos" / "others" / f"{photo}.jpg").exists()
                and Client(ben.home).call("photo.get", {"photo": photo})
            ),
        )
        data = b64decode(here["base64"])
        assert check_photo(data) == (256, 256) and digest(data).hex() == photo and b"Main Street" not in data
        anna.stop()

        cleo.init("--area", "u33dc")
        cleo.start()
        Client(cleo.home).call("join", {"target": ben.address})
        until("Cleo to know of it", lambda: Client(cleo.home).search("bike"))
        (saved,) = cleo.cli("offer", "photos", offered, "--into", str(tmp_path / "saved"), "--wait", "30")
        assert Path(saved["file"]).read_bytes() == data
    finally:
        for node in (anna, ben, cleo):
            if node.process is not None:
                node.stop()
