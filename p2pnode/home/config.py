"""The node's settings: config.toml, with `P2PNODE_*` from the environment above it and a profile's defaults below."""

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import tomlkit
from msgspec import Meta
from tomlkit.exceptions import ParseError, TOMLKitError

from p2pnode.complaints import in_words
from p2pnode.photo_bounds import OTHERS_PHOTOS
from protocols.errors import Refusal
from protocols.limits import MAX_ADDRESS, MAX_ADDRESSES, MAX_PERSON_NAME

from .files import write_atomic
from .folder import Home

Profile = Literal["home", "pi", "server", "test"]
Level = Literal["debug", "info", "warning", "error"]
Address = Annotated[str, Meta(min_length=1, max_length=MAX_ADDRESS)]
MAX_CONFIG = 256 * 1024

DEFAULT_PORT = 4001
_EVERYWHERE = [f"/ip4/0.0.0.0/tcp/{DEFAULT_PORT}", f"/ip6/::/tcp/{DEFAULT_PORT}"]
PROFILES: dict[str, dict[str, Any]] = {
    "home": {"listen": _EVERYWHERE},
    "pi": {"listen": _EVERYWHERE, "max_peers": 32, "cache_mb": 4},
    "server": {"listen": _EVERYWHERE, "max_peers": 256, "cache_mb": 64, "relay": True, "lan": False},
    "test": {"listen": ["/ip4/127.0.0.1/tcp/0"], "lan": False, "log_level": "debug"},
}


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """name: how others see this node. area: geohash. listen, bootstrap: multiaddrs. relay: carry traffic for peers
    behind a router. lan: look for neighbours on the local network. witness: decide for neighbours whose terms name this
    node. network: the one meant where none is named. web: a port of loopback, for a page in the browser. web_lan: the
    page for paired devices of the local network."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_PERSON_NAME)] = "a neighbour"
    area: Annotated[str, Meta(max_length=6, pattern="^[0-9b-hjkmnp-z]*$")] = ""
    profile: Profile = "home"
    network: Annotated[str, Meta(max_length=128)] = ""
    listen: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=MAX_ADDRESSES)] = tuple(_EVERYWHERE)
    bootstrap: Annotated[tuple[Address, ...], Meta(max_length=64)] = ()
    relay: bool = False
    lan: bool = True
    witness: bool = True
    max_peers: Annotated[int, Meta(ge=1, le=4096)] = 64
    cache_mb: Annotated[int, Meta(ge=1, le=4096)] = 16
    photos_mb: Annotated[int, Meta(ge=0, le=1_000_000)] = OTHERS_PHOTOS // 2**20
    web: Annotated[str, Meta(max_length=32, pattern=r"^((127\.0\.0\.1|\[::1\]):[0-9]{1,5})?$")] = ""
    web_lan: bool = False
    log_level: Level = "info"
    log_to: Literal["file", "stderr"] = "file"


SETTINGS = {
    "name": "How others see you",
    "area": "Where you are, as a geohash of at most 6 characters; empty: nowhere in particular",
    "profile": "Defaults for what is not set here: home, pi, server or test",
    "network": "The network that is meant where none is named, by name or id; for nodes in several",
    "listen": "Where other nodes can reach this one",
    "bootstrap": "Nodes to call at each start",
    "relay": "Carry traffic for peers behind a router",
    "lan": "Look for neighbours on the local network",
    "witness": "Decide, for neighbours who name this node as their witness, whether a payment was answered",
    "max_peers": "Connections at the same time",
    "cache_mb": "Memory for the store's cache, in MB",
    "photos_mb": "Disk for photos of neighbours' listings, in MB; your own do not count",
    "web": "Where a browser of this machine can reach the API: 127.0.0.1:PORT or [::1]:PORT; empty: nowhere",
    "web_lan": "Show the page to paired devices of the local network, too: p2pnode web --lan pairs them",
    "log_level": "debug, info, warning or error",
    "log_to": "file (node.log in the home folder) or stderr",
}


def load_config(home: Home, environ: Mapping[str, str] = os.environ) -> tuple[Config, list[str]]:
    """The settings in force, and notes for the user. A missing file is made anew with the defaults.

    `Refusal` names the line that is wrong and what to do.
    """
    notes: list[str] = []
    try:
        raw = home.config.read_bytes()
    except FileNotFoundError:
        save_config(home, {})
        notes.append(f"{home.config} was missing; it was made anew with the defaults")
        raw = b""
    except OSError as e:
        raise Refusal("failed", f"Cannot read {home.config}: {e.strerror}", "Check who may read it") from e
    given, unknown = from_environ(environ)
    notes += [f"{name} is not a setting; it was ignored" for name in unknown]
    return parse_config(home, raw, given), notes


def parse_config(home: Home, raw: bytes, given: Mapping[str, Any] | None = None) -> Config:
    """What these bytes of a config.toml would mean; given: what goes above it. `Refusal` as `load_config`."""
    values, above = file_values(home, raw), given or {}
    profile = above.get("profile", values.get("profile", "home"))
    merged = {**PROFILES.get(profile if isinstance(profile, str) else "", {}), **values, **above}
    try:
        return msgspec.convert(merged, Config)
    except msgspec.ValidationError as e:
        raise _wrong_value(home, raw, str(e), above) from e


def save_config(home: Home, values: Mapping[str, Any]) -> None:
    """Write a new config.toml with these settings and a comment on each. For the first run only."""
    msgspec.convert({**values}, Config)
    document = tomlkit.document()
    document.add(tomlkit.comment("Settings of this node. The environment goes above them (P2PNODE_NAME=… and so on)."))
    for key, value in values.items():
        if key in SETTINGS:
            document.add(tomlkit.nl())
            document.add(tomlkit.comment(SETTINGS[key]))
        document.add(key, list(value) if isinstance(value, tuple) else value)
    write_atomic(home.config, tomlkit.dumps(document).encode())


def file_values(home: Home, raw: bytes) -> dict[str, Any]:
    """What stands in the file, whatever it may mean. `Refusal` for what is no TOML."""
    hint = f"Mend that line, or move the file away ({home.config}) and defaults are written at the next start"
    if len(raw) > MAX_CONFIG:
        raise Refusal("failed", f"{home.config} has {len(raw)} bytes; at most {MAX_CONFIG} are read", hint)
    try:
        text = raw.decode()
    except UnicodeDecodeError as e:
        line = raw[: e.start].count(b"\n") + 1
        raise Refusal("failed", f"{home.config}, line {line}: not UTF-8 text", hint) from e
    try:
        return dict(tomlkit.parse(text).unwrap())
    except ParseError as e:
        what = str(e).split(" at line ")[0]
        raise Refusal("failed", f"{home.config}, line {e.line}: {what}", hint) from e
    except (TOMLKitError, RecursionError) as e:
        raise Refusal("failed", f"{home.config}: {e}", hint) from e


def _wrong_value(home: Home, raw: bytes, problem: str, given: Mapping[str, Any]) -> Refusal:
    """Find the setting that msgspec complains of: it names it as `$.key` or as an unknown field."""
    key = ""
    for name in (*Config.__struct_fields__, *_keys(raw)):
        if f"$.{name}`" in problem or f"$.{name}[" in problem or f"field `{name}`" in problem:
            key = name
            break
    why = in_words(problem).removeprefix(f"{key}: ")
    if key in given:
        return Refusal("failed", f"P2PNODE_{key.upper()}: {why}", "Set it right, or unset it")
    hint = f"Mend it in {home.config}; see docs/cli.md for the settings"
    for number, line in enumerate(raw.decode().splitlines(), 1):
        if key and line.strip().split("=")[0].strip().strip("\"'") == key:
            return Refusal("failed", f"{home.config}, line {number}: {key}: {why}", hint)
    return Refusal("failed", f"{home.config}: {why}", hint)


def _keys(raw: bytes) -> list[str]:
    return [line.split("=")[0].strip().strip("\"'[]") for line in raw.decode().splitlines() if line.strip()]


def from_environ(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Settings in `P2PNODE_*`. Lists are separated by commas or blanks; yes/no as true, 1, yes, on and their kin."""
    values: dict[str, Any] = {}
    unknown = []
    for variable, text in environ.items():
        if not variable.startswith("P2PNODE_") or variable == "P2PNODE_HOME":
            continue
        key = variable.removeprefix("P2PNODE_").lower()
        if key in Config.__struct_fields__:
            values[key] = value_of(key, text)
        else:
            unknown.append(variable)
    return values, unknown


def value_of(key: str, text: str) -> Any:
    """A setting as a word or several; what is none of its kind stays text, and is refused as such later."""
    if key in ("listen", "bootstrap"):
        return text.replace(",", " ").split()
    if key in ("relay", "lan", "witness", "web_lan"):
        if text.lower() in ("0", "false", "no", "off", ""):
            return False
        return {"1": True, "true": True, "yes": True, "on": True}.get(text.lower(), text)
    if key in ("max_peers", "cache_mb", "photos_mb"):
        return int(text) if text.isdecimal() else text
    return text
