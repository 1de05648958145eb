"""Man pages are made when the package is built, from the commands themselves; all else stands in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
MAN = Path("build/man")

sys.path.insert(0, str(HERE))
from cli.man import write  # noqa: E402

write(HERE / MAN)
setup(data_files=[("share/man/man1", sorted(str(MAN / page.name) for page in (HERE / MAN).iterdir()))])
