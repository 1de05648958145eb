"""Photos on the page: sent with a form, seen by a neighbour."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pnode.photos import making
from p2pnode.web.picturing import HINTS, WRONG
from tests.p2pnode.test_photos_made import picture
from tests.web.browser import Browser, Page
from tests.web.street import Street, open_street

KIND = "multipart/form-data; boundary=x"


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def send(browser: Browser, action: str, *files: tuple[str, bytes], **typed: str) -> Page:
    """The form with this action as a browser sends it, with photos."""
    named = [(name, typed.get(name, value)) for name, value in browser.page.form(action).fields]
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in named if n != "file"
    ]
    parts += [
        f'--x\r\nContent-Disposition: form-data; name="photos"; filename="{name}"\r\n\r\n'.encode() + data + b"\r\n"
        for name, data in files
    ]
    return browser.post(action, b"".join([*parts, b"--x--\r\n"]), KIND)


def pictures(page: Page) -> list[str]:
    return re.findall(r'<img class="photo" src="/photo/([0-9a-f]{64})\.jpg"', page.source)


def published(street: Street, *files: tuple[str, bytes]) -> str:
    """Anna publishes a bike by the page; where its page is."""
    anna = street.browsers["anna"]
    anna.get("/publish/lend")
    looked = send(anna, "/do/listing.publish", *files, title="Bike")
    assert len(pictures(looked)) == len(files) and "Nothing is published yet" in looked.words
    page = anna.submit("/do/listing.publish")
    assert page.status == 200 and len(pictures(page)) == len(files)
    return page.url


def test_from_the_form_to_a_neighbours_card(street: Street) -> None:
    url = published(street, ("a.jpg", picture("JPEG")), ("b.png", picture("PNG", (100, 100))))
    street.lab.sim.run(30_000)
    ben, port = street.browsers["ben"], street.ports["ben"]
    near = ben.get("/")
    assert pictures(near) == [] and "This photo is on its way" in near.words
    listing = ben.get(url)
    assert listing.words.count("This photo is on its way") == 2
    assert len(port.photos.fetching._wanted) == 2, "it is asked for"
    for photo in street.ports["anna"].photos.folder._own:
        data = street.ports["anna"].photos.folder.read(photo)
        assert data is not None
        port.photos.folder.keep(data)
    assert len(pictures(ben.get("/"))) == 1, "the first alone"
    shown = pictures(ben.get(url))
    assert len(shown) == 2 and 'alt="Photo: Bike"' in ben.page.source


def test_of_what_is_hidden_no_photos_are_shown_or_asked_for(street: Street) -> None:
    url = published(street, ("a.jpg", picture("JPEG")))
    street.lab.sim.run(30_000)
    ben, port = street.browsers["ben"], street.ports["ben"]
    street.lab.ask(street.lab.ben, "blocklist.add", listing=url.rpartition("/")[2], reason="spam", text="Not again")
    page = ben.get(url)
    assert "Hidden from you" in page.words and "photo" not in page.words.lower()
    assert not port.photos.fetching._wanted


def test_photos_are_given_to_who_is_logged_in_as_what_they_are(street: Street) -> None:
    published(street, ("a.jpg", picture("JPEG")))
    anna = street.browsers["anna"]
    (photo,) = pictures(anna.page)
    given = anna.get(f"/photo/{photo}.jpg")
    assert given.status == 200 and given.fields["content-type"] == "image/jpeg"
    assert given.fields["x-content-type-options"] == "nosniff"
    for wrong in (f"/photo/{'00' * 32}.jpg", "/photo/x.jpg", f"/photo/{photo}", "/photo/..%2Fkeystore.json.jpg"):
        assert anna.get(wrong).status == 404, wrong
    stranger = Browser(anna.url)
    assert stranger.get(f"/photo/{photo}.jpg").status == 403


def test_what_is_wrong_is_said_and_what_was_good_stays(street: Street) -> None:
    anna = street.browsers["anna"]
    anna.get("/publish/lend")
    heic = b"\0\0\0\x18ftypheic" + bytes(80)
    page = send(anna, "/do/listing.publish", ("a.jpg", picture("JPEG")), ("b.heic", heic), title="Bike")
    assert page.status == 422 and "HEIC" in page.words and "export it as JPEG" in page.words
    assert len(pictures(page)) == 1, "the first need not be chosen again"
    assert len(pictures(send(anna, "/do/listing.publish", title="Bike"))) == 1
    anna.language = "de"
    anna.get("/publish/lend")
    page = send(anna, "/do/listing.publish", ("b.heic", heic), title="Rad")
    assert "Ein Foto ist ein HEIC" in page.words and "als JPEG" in page.words


def test_paths_are_not_taken_from_a_form(street: Street, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(picture("PNG"))
    anna = street.browsers["anna"]
    anna.get("/publish/lend")
    fields = [*anna.page.form("/do/listing.publish").fields, ("photos", str(tmp_path / "secret.png"))]
    parts = [f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields if n != "title"]
    parts.append('--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nBike\r\n--x--\r\n')
    page = anna.post("/do/listing.publish", "".join(parts).encode(), KIND)
    assert page.status == 200 and pictures(page) == []


def test_one_is_left_out_and_one_added(street: Street) -> None:
    url = published(street, ("a.jpg", picture("JPEG")), ("b.png", picture("PNG", (100, 100))))
    anna = street.browsers["anna"]
    first, second = pictures(anna.get(url))
    anna.get(f"{url}/edit")
    assert pictures(anna.page) == [first, second]
    form = anna.page.form("/do/listing.edit")
    form.fields.remove(("photos", first))
    page = send(anna, "/do/listing.edit", ("c.png", picture("PNG", (50, 50))))
    assert pictures(page)[0] == second and len(pictures(page)) == 2 and first not in pictures(page)
    anna.get(f"{page.url}/edit")
    form = anna.page.form("/do/listing.edit")
    form.fields[:] = [field for field in form.fields if field[0] != "photos"]
    assert pictures(send(anna, "/do/listing.edit")) == []


def test_the_page_knows_all_that_the_node_says_of_pictures() -> None:
    said = {what: hint for what, hint in making._HINTS.values()}
    assert {f"A photo {what}" for what in said} == set(WRONG) and set(said.values()) == set(HINTS)
