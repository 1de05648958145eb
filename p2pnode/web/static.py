"""The page's own files, and those of others that come with it: a fixed list, read when they are asked for."""

from pathlib import Path

FOLDER = Path(__file__).parent
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


def listed() -> dict[str, Path]:
    """What may be asked for, by its path below `/static/`."""
    root = FOLDER / "static"
    return {str(p.relative_to(root)): p for p in sorted(root.rglob("*")) if p.suffix in _TYPES and p.is_file()}


def media_type(path: Path) -> str:
    return _TYPES[path.suffix]
