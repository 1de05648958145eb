"""Where messages go: notify.json in the home folder, mode 0600. An address is a secret, since who has it can read or
write there; it is never printed whole, and never logged.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from p2pnode.home.files import mend_mode, write_atomic
from p2pnode.home.folder import Home
from p2pnode.hours import parse_hours
from protocols.errors import Refusal

from .worth import TOPICS, USUAL

DESKTOP = "desktop"
TRIAL = "This is how your node tells you what happens."
MAX_TARGETS = 16
MAX_URL = 1_024
Minute = Annotated[int, Meta(ge=0, le=1_440)]


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """url: `desktop`, or what apprise takes. events: topics of `worth`. quiet: hours without messages, minutes of the
    day. brief: without titles and names."""

    number: Annotated[int, Meta(ge=1, le=1_000_000)]
    url: Annotated[str, Meta(min_length=1, max_length=MAX_URL)]
    events: tuple[str, ...] = USUAL
    quiet: tuple[Minute, Minute] | None = None
    brief: bool = False

    def __repr__(self) -> str:
        return f"Target({self.number}, {masked(self.url)})"


def masked(url: str) -> str:
    """What may be shown of an address: the service alone. In some the host, too, is the key."""
    scheme, found, _ = url.partition("://")
    return f"{scheme}://…" if found else url if url == DESKTOP else "…"


def file_of(home: Home) -> Path:
    return home.root / "notify.json"


def load_targets(home: Home) -> list[Target]:
    """`Refusal` for a file that cannot be read; it says no word of what stands in it."""
    path = file_of(home)
    try:
        mend_mode(path)
        return msgspec.json.decode(path.read_bytes(), type=list[Target])[:MAX_TARGETS]
    except FileNotFoundError:
        return []
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as e:
        why = f"{path} cannot be read ({type(e).__name__})"
        raise Refusal("failed", why, "Mend it, or move it away and add the targets again") from e


def save_targets(home: Home, targets: list[Target]) -> None:
    write_atomic(file_of(home), json.dumps(msgspec.to_builtins(targets), indent=1).encode())


def target_json(target: Target) -> dict[str, Any]:
    """As it may be shown: without its address."""
    quiet = None if target.quiet is None else "-".join(f"{m // 60:02}:{m % 60:02}" for m in target.quiet)
    return {"number": target.number, "to": masked(target.url), "events": list(target.events), "quiet": quiet,
            "brief": target.brief}  # fmt: skip


def parse_quiet(text: str) -> tuple[int, int]:
    """`22:00-07:00` as minutes of the day, over midnight, too. `Refusal` (usage)."""
    first, dash, last = text.partition("-")
    ends = [parse_hours(f"{end.strip()}-24:00")[0] for end in (first, last)] if dash else []
    if len(ends) != 2 or ends[0] == ends[1]:
        raise Refusal("usage", f"Not hours: {text!r}", "Such as --quiet 22:00-07:00", "quiet")
    return ends[0], ends[1]


def the_one(targets: list[Target], number: int) -> Target:
    """`Refusal` (not_found) if there is none of this number."""
    for target in targets:
        if target.number == number:
            return target
    raise Refusal("not_found", f"There is no number {number}", "p2pnode notify list")


def not_sent(why: str, is_tried: bool) -> Refusal:
    """why: what the sender said. is_tried: a message was sent; else the address alone was looked at."""
    hint = "Such as desktop, ntfys://ntfy.sh/TOPIC, mailtos://USER:PASSWORD@HOST; apprise has the list"
    return Refusal(
        "unreachable" if is_tried else "usage", f"It cannot be sent to: {why}", hint, "" if is_tried else "url"
    )


def add_target(
    targets: list[Target], url: str, events: tuple[str, ...], quiet: tuple[int, int] | None, brief: bool
) -> Target:
    """The new one, at the end of `targets`. `Refusal` for too many, one that is there, or an event that is none."""
    if len(targets) >= MAX_TARGETS:
        raise Refusal("refused", f"There are {MAX_TARGETS} targets already", "p2pnode notify remove NUMBER")
    if any(one.url == url for one in targets):
        raise Refusal("conflict", "That one is there already", "p2pnode notify list", "url")
    if len(url) > MAX_URL or not url.isprintable() or " " in url:
        raise Refusal(
            "usage", "That is no address to send to", "Such as desktop, ntfys://ntfy.sh/TOPIC or mailtos://…", "url"
        )
    for event in events:
        if event not in TOPICS:
            raise Refusal("usage", f"There is no event {event!r}", f"One of: {', '.join(TOPICS)}", "events")
    target = Target(max((one.number for one in targets), default=0) + 1, url, events or USUAL, quiet, brief)
    targets.append(target)
    return target
