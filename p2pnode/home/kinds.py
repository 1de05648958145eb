"""The kinds of exchange that this user has made: `kinds/*.toml`, one file a kind, as those that come with the program.

What is built in cannot be made anew: a word that neighbours know keeps its meaning.
"""

from pathlib import Path

from p2pnode.bounds import MAX_OWN_KINDS
from protocols.drafts import check_template
from protocols.errors import Refusal
from protocols.limits import MAX_TEMPLATE
from protocols.templates import Template, parse_template, templates

from .files import private_folder, write_atomic
from .folder import Home


class OwnKinds:
    """by_name: the kinds, which the core looks at; notes: a line for each file that could not be one."""

    def __init__(self, home: Home) -> None:
        self._folder = home.kinds
        self.by_name, self.notes = _load(home.kinds)

    def add(self, text: str, file: str) -> Template:
        """Take a kind in, in place of the one of its name. `Refusal` if it is wrong, or the disk refuses."""
        template = read_kind(text, file)
        if len(self.by_name) >= MAX_OWN_KINDS and template.kind not in self.by_name:
            raise Refusal("refused", f"{MAX_OWN_KINDS} kinds are enough", f"Remove some from {self._folder}.")
        try:
            private_folder(self._folder)
            write_atomic(self._folder / f"{template.kind}.toml", text.encode())
        except OSError as e:
            raise Refusal("failed", f"{self._folder}: {e.strerror}", "Make room on the disk.") from e
        self.by_name[template.kind] = template
        return template

    def remove(self, kind: str) -> Template:
        """Do away with one of these. `Refusal` (not_found) if it is none, or the disk refuses. What was agreed stays:
        terms say all that both must do."""
        template = self.by_name.get(kind)
        if template is None:
            raise Refusal("not_found", f"{kind!r} is no kind of yours", "p2pnode kinds")
        try:
            (self._folder / f"{kind}.toml").unlink(missing_ok=True)
        except OSError as e:
            raise Refusal("failed", f"{self._folder}: {e.strerror}", "See who may write there.") from e
        del self.by_name[kind]
        return template


def read_kind(text: str, file: str) -> Template:
    """A kind that a user may add. `Refusal` with the file, the key and what is wrong with it."""
    template = parse_template(text, file)
    if template.kind in templates():
        raise Refusal(
            "conflict",
            f"{file}: kind: {template.kind} comes with the program, and means the same to everybody",
            "Choose another word.",
        )
    check_template(template, file)
    return template


def _load(folder: Path) -> tuple[dict[str, Template], list[str]]:
    """The user's kinds by name, and a note on each file that could not be one. A wrong file stops no node."""
    found: dict[str, Template] = {}
    notes = []
    files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    for path in files[:MAX_OWN_KINDS]:
        try:
            with path.open("rb") as file:
                text = file.read(4 * MAX_TEMPLATE + 1).decode()
            template = read_kind(text, str(path))
            if path.name != f"{template.kind}.toml":
                raise Refusal("usage", f"{path}: kind: a kind stands in a file of its name, {template.kind}.toml")
            found[template.kind] = template
        except (OSError, UnicodeDecodeError) as e:
            notes.append(f"{path} is left out: {getattr(e, 'strerror', None) or 'it is no text'}")
        except Refusal as e:
            notes.append(f"{e.message}; it is left out")
    if len(files) > MAX_OWN_KINDS:
        notes.append(f"{folder} holds more than {MAX_OWN_KINDS} kinds; the others are left out")
    return found, notes
