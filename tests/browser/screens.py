"""Pictures of every view, of a node in a street that is lived in: `python -m tests.browser.screens`.

NAME-SIZE-SCHEME.png, for each view a desktop and a phone, light, and of some dark, too; the window as it stands, or the
whole page.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.chromium import Trap, lacking, launched
from tests.browser.street import live_in, log_in, street
from tests.browser.views import NAMES, path_of
from tests.browser.window import DESKTOP, PHONE, Window

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screens"
MOST = 150_000  # bytes
DARK = ("near", "exchange", "publish_kind", "ledger", "trust")  # also dark, where nothing is said of which
SIZES = {"desktop": DESKTOP, "phone": PHONE}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screens", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, metavar="FOLDER")
    parser.add_argument("names", nargs="*", metavar="VIEW", help="these, light and dark")
    parser.add_argument("--whole", action="store_true", help="the whole page, however long")
    given = parser.parse_args()
    folder: Path = given.folder
    reason = lacking()
    if reason:
        print(f"No pictures: {reason}", file=sys.stderr)
        return 1
    if not shutil.which("pngquant"):
        print(
            "pngquant is not here (apt-get install pngquant): the pictures are larger than they need be",
            file=sys.stderr,
        )
    folder.mkdir(parents=True, exist_ok=True)
    if folder == FOLDER:
        for old in folder.glob("*.png"):
            old.unlink()
    trap = Trap()
    too_large = []
    with (
        tempfile.TemporaryDirectory() as root,
        street(Path(root)) as lived,
        sync_playwright() as playwright,
        launched(playwright, trap) as browser,
    ):
        live_in(lived)
        for size in SIZES:
            for dark in (False, True):
                window = log_in(lived.anna, lambda *a, **g: Window(browser, *a, **g), SIZES[size], dark=dark)
                for name in given.names or [name for name in NAMES if not dark or name in DARK]:
                    window.go(path_of(name, lived.examples))
                    file = folder / f"{name}-{size}-{'dark' if dark else 'light'}.png"
                    window.picture(file, given.whole)
                    _shrink(file)
                    if file.stat().st_size > MOST:
                        too_large.append(file.name)
                window.close()
    trap.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")
    if too_large:
        print(f"more than {MOST} bytes: {', '.join(too_large)}", file=sys.stderr)
    return 1 if too_large else 0


def _shrink(file: Path) -> None:
    """To a palette of 64 colours, where there is a tool for it."""
    if shutil.which("pngquant"):
        command = ["pngquant", "--force", "--strip", "--speed", "1", "--ext", ".png", "64", "--", str(file)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())
