"""Changes of config.toml by command: checked as a whole before anything is written, its comments kept.

Each setting is read when the node starts, so a change takes effect at its next start.
"""

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import tomlkit
from msgspec import inspect

from p2pnode.complaints import in_words
from p2pnode.gazetteer import area_of
from p2pnode.net.addresses import BadAddress, parse_address
from protocols.errors import Refusal

from .config import MAX_CONFIG, PROFILES, SETTINGS, Config, file_values, from_environ, parse_config, value_of
from .files import write_atomic
from .folder import Home
from .founding import AREA_PRECISION, check_target

PROFILE_WORDS = {
    "home": "A computer that is on in the evenings, or always.",
    "pi": "A Raspberry Pi, or any machine with little memory.",
    "server": "A machine with a public address that others find the network by.",
    "test": "To try things: on this machine alone, at any free port.",
}


class Setting(NamedTuple):
    """value: in force; source: default, profile, file or environment; values: which there may be, in words."""

    name: str
    value: Any
    source: str
    default: Any
    meaning: str
    values: str


class Change(NamedTuple):
    """A file as it was and as it would be. names: the settings whose value is another one then, of those in force."""

    before: str
    after: str
    names: tuple[str, ...]

    @property
    def diff(self) -> str:
        """As `diff -u` shows it; empty if nothing changes."""
        lines = difflib.unified_diff(
            self.before.splitlines(), self.after.splitlines(), "config.toml", "config.toml, changed", lineterm=""
        )
        return "\n".join(lines)


def settings_in_force(home: Home, environ: Mapping[str, str] = os.environ) -> list[Setting]:
    """All of them, in the order of the table. `Refusal` if the file or the environment cannot be used."""
    raw = read_file(home).encode()
    given, _ = from_environ(environ)
    values, config = file_values(home, raw), parse_config(home, raw, given)
    profile, plain = PROFILES[config.profile], Config()
    found = []
    for name, meaning in SETTINGS.items():
        places = (("environment", given), ("file", values), ("profile", profile))
        source = next((place for place, there in places if name in there), "default")
        default = profile.get(name, getattr(plain, name))
        found.append(Setting(name, getattr(config, name), source, default, meaning, possible_values(name)))
    return found


def read_file(home: Home) -> str:
    """The text of config.toml; empty if there is none. `Refusal` if it cannot be read."""
    try:
        raw = home.config.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as e:
        raise Refusal("failed", f"Cannot read {home.config}: {e.strerror}", "Check who may read it") from e
    file_values(home, raw)
    return raw.decode()


def with_values(home: Home, values: Mapping[str, Sequence[str] | None]) -> Change:
    """Settings by their words; None takes one out of the file. `Refusal`: usage for a wrong name or value, failed for a
    file that cannot be used even then."""
    before = read_file(home)
    text = before
    for name, words in values.items():
        known(name)
        text = _without(text, name) if words is None else _with(text, name, _checked(name, words))
    return changed(home, before, text)


def changed(home: Home, before: str, after: str) -> Change:
    """`Refusal` if what would be written cannot be used."""
    config = parse_config(home, after.encode())
    for address in config.listen:
        _check_listen(address)
    try:
        was = parse_config(home, before.encode())
    except Refusal:
        return Change(before, after, tuple(SETTINGS))
    return Change(before, after, tuple(name for name in SETTINGS if getattr(was, name) != getattr(config, name)))


def write_change(home: Home, change: Change) -> None:
    """The whole new file or the old one. `Refusal` (conflict) if the file has changed since it was read."""
    if read_raw(home) != change.before:
        raise Refusal("conflict", f"{home.config} has changed meanwhile", "Look at it, and try again")
    if change.after != change.before:
        write_atomic(home.config, change.after.encode())


def read_raw(home: Home) -> str:
    """The text, whatever stands in it; bytes that are no text as �."""
    try:
        return home.config.read_bytes()[: MAX_CONFIG + 1].decode(errors="replace")
    except FileNotFoundError:
        return ""


def known(name: str) -> str:
    """`Refusal` (usage) unless there is such a setting."""
    if name in SETTINGS:
        return name
    close = difflib.get_close_matches(name, SETTINGS, 1)
    hint = f"p2pnode config get {close[0]}" if close else "p2pnode config list"
    raise Refusal("usage", f"There is no setting {name!r}", hint)


def possible_values(name: str) -> str:
    """What a setting may be, in words, from its type."""
    match type_of(name):
        case inspect.BoolType():
            return "yes or no"
        case inspect.IntType(ge=least, le=most):
            return f"{least} to {most}"
        case inspect.LiteralType(values=values):
            return ", ".join(map(str, values))
        case inspect.VarTupleType(min_length=least, max_length=most):
            return f"{'at least one address' if least else 'addresses'}, at most {most}"
        case inspect.StrType(max_length=most):
            return f"text of at most {most} characters"
        case other:
            raise AssertionError(f"{name} is of no kind that is known: {other}")


def setting_json(setting: Setting, running: Any) -> dict[str, Any]:
    """For who asks the node. type: how it is asked for, with its bounds. running: the value that the node goes by."""
    described: dict[str, Any]
    match type_of(setting.name):
        case inspect.BoolType():
            described = {"type": "bool"}
        case inspect.IntType(ge=least, le=most):
            described = {"type": "int", "least": least, "most": most}
        case inspect.LiteralType(values=values):
            described = {"type": "choice", "choices": list(values)}
        case inspect.VarTupleType(max_length=most):
            described = {"type": "list", "most": most}
        case inspect.StrType(max_length=most):
            described = {"type": "text", "most": most}
        case other:
            raise AssertionError(f"{setting.name} is of no kind that is known: {other}")
    return msgspec.to_builtins({**setting._asdict(), "running": running, **described})  # type: ignore[no-any-return]


def type_of(name: str) -> inspect.Type:
    info = inspect.type_info(Config)
    assert isinstance(info, inspect.StructType)
    return next(field.type for field in info.fields if field.name == name)


def _checked(name: str, words: Sequence[str]) -> Any:
    try:
        " ".join(words).encode()
    except UnicodeEncodeError as e:  # what a terminal typed that does not speak UTF-8
        raise Refusal("usage", f"{name}: the value is no text", "Type it in a terminal that is set to UTF-8") from e
    value: Any = value_of(name, " ".join(words))
    if name == "area" and value:
        value = area_of(value, AREA_PRECISION)
    if name == "listen":
        for address in value:
            _check_listen(address)
    if name == "bootstrap":
        for address in value:
            check_target(address)
    if name == "name" and not str(value).isprintable():
        raise Refusal("usage", "The name has characters that cannot be shown", "Write it as one line of plain text")
    try:
        msgspec.convert({name: value}, Config)
    except msgspec.ValidationError as e:
        why = in_words(str(e)).removeprefix(f"{name}: ")
        raise Refusal("usage", f"{name}: {why}", f"It may be: {possible_values(name)}") from e
    return value


def _check_listen(text: str) -> None:
    try:
        address = parse_address(text)
    except BadAddress as e:
        raise Refusal("usage", e.message, "Write an address such as /ip4/0.0.0.0/tcp/4001") from e
    if address.peer:
        raise Refusal("usage", f"{text!r}: an address to listen on has no /p2p/ part", "Leave it out")


def _with(text: str, name: str, value: Any) -> str:
    whole = text if not text or text.endswith("\n") else text + "\n"
    document = tomlkit.parse(whole)
    if name in document:
        document[name] = value
        return tomlkit.dumps(document)
    line = tomlkit.dumps({name: value})
    return f"{whole}\n# {SETTINGS[name]}\n{line}" if whole else f"# {SETTINGS[name]}\n{line}"


def _without(text: str, name: str) -> str:
    document = tomlkit.parse(text)
    if name not in document:
        return text
    ours = re.compile(rf"^\n?# {re.escape(SETTINGS[name])}\n(?=\s*[\"']?{name}[\"']?\s*=)", re.MULTILINE)
    document = tomlkit.parse(ours.sub("", text))
    document.remove(name)
    return tomlkit.dumps(document)
