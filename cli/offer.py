"""`offer` and `request`: the same commands in two directions."""

import sys
from pathlib import Path
from typing import Any

import click

from protocols.errors import Refusal
from protocols.labels import without_labels
from protocols.spans import format_span

from .areas import with_cells
from .blocklists import why_hidden
from .command import Command, Group, with_session
from .goal_output import goal_of_listing
from .kinds import BUILT_IN, perhaps_meant
from .output import distance, facts, say, short, table
from .photos import named, save
from .risk import warn_of_unit
from .session import Session
from .slots import in_words, parse_slot
from .spreading import spread
from .times import clock_time, format_time, local_zone, now_ms, parse_span, parse_time

KINDS = f"{', '.join(BUILT_IN)}, or your own word"
FOR_NOTHING = ("give", "lend", "barter", "barn", "pledge", "project", "fund")  # kinds of which nobody expects a price
_HANDOVER = {"fetch": "fetched", "bring": "brought", "both": "fetched or brought"}
_FILE_KEYS = {"kind", "title", "text", "price", "quantity", "tags", "area", "until", "when", "photos", "to"} | {
    "goal", "part-of", "orders", "instant", "zone", "handover", "on",
}  # fmt: skip


def _fields(function: Any) -> Any:
    """The options that describe a listing."""
    for option in reversed(
        [
            click.option("--kind", help=f"{KINDS} (a to z, 0 to 9, - and _)."),
            click.option("--title", help="One line."),
            click.option("--text", help="As much as is needed."),
            click.option("--price", metavar="PRICE", help='AMOUNT[ UNIT][/PER]: 2/hour, "3.50 EUR/day", free.'),
            click.option("--quantity", type=click.IntRange(min=1), help="How many there are."),
            click.option("--tag", "tags", multiple=True, help="A word to be found by; several times."),
            click.option(
                "--area", help="Where, if not at your own area: the name of a place, 'lat,lon', geohash or plus code."
            ),
            click.option("--until", metavar="TIME", help="Until when it stands; at most 90 days."),
            click.option(
                "--when",
                metavar="DAYS",
                help="When it can be had: sat,sun or mon-fri, or an RRULE such as FREQ=MONTHLY;BYDAY=1SA.",
            ),
            click.option(
                "--on", multiple=True, metavar="SLOT", help="A single time: 2027-03-01T14:00/16:00; repeatable."
            ),
            click.option("--zone", metavar="ZONE", help="The time zone of --when and --on: else this machine's."),
            click.option(
                "--photo",
                "photos",
                metavar="FILE",
                multiple=True,
                help="A picture (JPEG, PNG, WebP), up to 12; made small, and all but what is seen on it is taken out.",
            ),
            click.option("--to", metavar="AREA", help="Where a delivery or a ride goes."),
            click.option("--goal", metavar="GOAL", help="It goes ahead with so many, 10, or so much: '500 hour'."),
            click.option("--part-of", metavar="LISTING", help="The listing of the project that this is a part of."),
            click.option("--orders", metavar="SPAN", help="It must be ordered so long before: 2d."),
            click.option(
                "--instant/--no-instant", default=None, help="Who proposes what is asked need not wait for your yes."
            ),
            click.option(
                "--handover",
                type=click.Choice(["fetch", "bring", "both", ""]),
                metavar="fetch|bring|both",
                help="Whether it is fetched, brought, or either as agreed.",
            ),
            click.option("--from", "source", metavar="FILE", help="Read the fields from a TOML file; - for stdin."),
        ]
    ):
        function = option(function)
    return function


def _gathered(given: dict[str, Any], clearing: bool = False) -> dict[str, Any]:
    """The fields from --from FILE, with those of the command line above them. clearing: `--tag ""` means no tags,
    `--price ""` no price; else they are left for the node to refuse."""
    source = given.pop("source")
    fields = {} if source is None else _read(source)
    fields.update({key: value for key, value in given.items() if value not in (None, ())})
    if isinstance(fields.get("until"), str):
        fields["until"] = parse_time(fields["until"], now_ms(), end=True)
    if isinstance(fields.get("orders"), str):
        fields["orders"] = parse_span(fields["orders"]) if fields["orders"] else 0
    if "photos" in fields:
        fields["photos"] = named(fields["photos"], clearing)
    if fields.get("on"):
        zone = fields.pop("zone", None)
        fields["on"] = [parse_slot(str(text), zone) for text in fields["on"]]
    if fields.get("when"):
        fields.setdefault("zone", local_zone())
    fields = with_cells(fields, "area", "to")
    if "tags" in fields:
        fields["tags"] = [tag for tag in fields["tags"] if tag or not clearing]
    if clearing and fields.get("price") == "":
        fields["price"] = "free"
    return fields


def _read(source: str) -> dict[str, Any]:
    import tomllib

    hint = "It holds lines such as: title = 'Snowblower'"
    name = "stdin" if source == "-" else f"the file {source}"
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).expanduser().read_bytes()
        if source == "-" and not raw.strip():
            raise Refusal("usage", "Nothing came on stdin", hint)
        fields = tomllib.loads(raw.decode())
    except OSError as e:
        raise Refusal("usage", f"Cannot read {name}: {e.strerror}", "Check the path") from e
    except (ValueError, RecursionError) as e:
        raise Refusal("usage", f"{name}: {e}", hint) from e
    unknown = sorted(set(fields) - _FILE_KEYS)
    if unknown:
        raise Refusal(
            "usage", f"{name}: {unknown[0]} is no field of a listing", f"The fields: {', '.join(sorted(_FILE_KEYS))}"
        )
    if "part-of" in fields:
        fields["part_of"] = fields.pop("part-of")
    if "goal" in fields:
        fields["goal"] = str(fields["goal"])  # 10 is what would be typed
    if "until" in fields and not isinstance(fields["until"], int):
        fields["until"] = str(fields["until"])
    return fields


def _build(direction: str, thing: str) -> click.Group:
    @click.group(
        direction,
        cls=Group,
        bare="list",
        example=f"p2pnode {direction} publish --kind {thing}\np2pnode {direction} list",
    )
    def group() -> None: ...

    what = "what you offer" if direction == "offer" else "what you are looking for"
    group.help = f"Publish and tend {what}. ID is a listing's id or the beginning of it."

    @group.command("publish", example=f"p2pnode {direction} publish --kind {thing}")
    @_fields
    @with_session
    def publish(session: Session, **given: Any) -> None:
        fields = _gathered(given)
        for needed in ("kind", "title"):
            if needed not in fields:
                raise click.UsageError(f"Missing option '--{needed}'.", click.get_current_context())
        data = session.write("listing.publish", direction=direction, **fields)
        warn_of_unit(session, data.get("price"), data.get("network"))
        data = spread(session, data)

        def human() -> None:
            _print_published(data)
            if meant := perhaps_meant(fields["kind"]):
                say(f"{fields['kind']} is a kind of your own. If {meant} was meant: withdraw it, and publish it anew.")
            if "price" not in fields and fields["kind"] not in FOR_NOTHING:
                means = "whoever takes it owes nothing" if direction == "offer" else "you offer nothing for it"
                say(f"No price: {means}, unless the two of you agree on one (p2pnode exchange counter --price).")

        session.emit(data, human)

    article = "an" if direction == "offer" else "a"
    publish.help = f"Publish {article} {direction}. Before you have joined a network it is a draft."

    @group.command("list", example=f"p2pnode {direction} list")
    @with_session
    def list_(session: Session) -> None:
        """Your own, those that stand."""
        rows = session.call("listing.list", direction=direction)
        session.emit(rows, lambda: _print_list(session, rows, direction))

    @group.command("show", example=f"p2pnode {direction} show 3f9a")
    @click.argument("id_", metavar="ID")
    @with_session
    def show(session: Session, id_: str) -> None:
        """One listing, your own or another's."""
        data = session.call("listing.show", id=id_)
        session.emit(data, lambda: print_listing(session, data))

    save(group, direction)

    @group.command("edit", example=f"p2pnode {direction} edit 3f9a --price 3/hour")
    @click.argument("id_", metavar="ID")
    @_fields
    @with_session
    def edit(session: Session, id_: str, **given: Any) -> None:
        """Change it. What is not named stays.

        The empty text clears a field: --text "", --when "", --area "", --to "", --handover "", --tag "" (all tags),
        --photo "" (all photos). Photos that are given take the place of all there were.
        --price "" asks nothing, as --price free does. Quantity and --until can be changed, not cleared.
        """
        fields = _gathered(given, clearing=True)
        if not fields:
            raise click.UsageError(
                "Nothing to change: name a field, such as --price 3/hour", click.get_current_context()
            )
        _check_direction(session, direction, id_)
        data = session.write("listing.edit", id=id_, **fields)
        if fields.get("price"):
            warn_of_unit(session, data.get("price"), data.get("network"))
        data = spread(session, data)

        def human() -> None:
            _print_published(data)
            if not str(data.get("listing_id", id_)).startswith(id_):
                say(f"In another area, or with an earlier end, it gets a new id; {short(id_)} is withdrawn.")

        session.emit(data, human)

    @group.command("pause", example=f"p2pnode {direction} pause --until 2026-08-20")
    @click.argument("id_", metavar="[ID]", required=False)
    @click.option("--until", metavar="TIME", help="The day of your return: they are resumed by themselves.")
    @with_session
    def pause(session: Session, id_: str | None, until: str | None) -> None:
        """Say that it is not to be had for now; without ID, that none is."""
        given = {} if until is None else {"until": parse_time(until, now_ms())}
        _pausing(session, direction, "pause", id_, given)

    @group.command("resume", example=f"p2pnode {direction} resume 3f9a")
    @click.argument("id_", metavar="[ID]", required=False)
    @with_session
    def resume(session: Session, id_: str | None) -> None:
        """Undo a pause; without ID, all."""
        _pausing(session, direction, "resume", id_, {})

    for verb, done, text in (
        ("renew", "prolonged", "Prolong it."),
        ("withdraw", "withdrawn", "Take it back, everywhere."),
    ):
        group.add_command(_tend(direction, verb, done, text))
    return group


def _tend(direction: str, verb: str, done: str, text: str) -> click.Command:
    @click.command(verb, cls=Command, help=text, example=f"p2pnode {direction} {verb} 3f9a")
    @click.argument("id_", metavar="ID")
    @with_session
    def command(session: Session, id_: str) -> None:
        if verb == "withdraw":
            session.confirm(f"Withdraw {id_} for good?")
        _check_direction(session, direction, id_)
        data = session.write(f"listing.{verb}", id=id_)
        if verb != "withdraw":
            data = spread(session, data)
        session.emit(data, lambda: say(f"{short((data or {}).get('listing_id') or id_)} is {done}."))

    return command


def _pausing(session: Session, direction: str, verb: str, id_: str | None, given: dict[str, Any]) -> None:
    done = "paused" if verb == "pause" else "to be had again"
    if id_ is None:
        rows = session.write(f"listing.{verb}", direction=direction, **given)
        count = 0 if session.dry_run else len(rows)
        session.emit(rows, lambda: say(f"{count} {direction if count == 1 else direction + 's'}: {done}."))
        return
    _check_direction(session, direction, id_)
    data = spread(session, session.write(f"listing.{verb}", id=id_, **given))
    session.emit(data, lambda: say(f"{short((data or {}).get('listing_id') or id_)} is {done}{_back(data)}."))


def _back(row: dict[str, Any] | None) -> str:
    """When a paused listing is resumed by itself."""
    at = (row or {}).get("back_at")
    return f" until {format_time(at, now_ms())}" if at and (row or {}).get("paused") else ""


def _held(row: dict[str, Any], now: int) -> str | None:
    """Who keeps a listing of ours, by their own signed word."""
    count = row.get("held_by")
    if not count:
        return None if count is None else "nobody yet that has said so"
    who = "1 neighbour" if count == 1 else f"{count} neighbours"
    return f"{who}, the newest statement {format_time(row.get('held_at'), now)}"


def _end(row: dict[str, Any], text: str | None) -> str | None:
    return f"{text}, renewed while this node runs" if text and row.get("renewed") else text


def _check_direction(session: Session, direction: str, id_: str) -> None:
    """`offer` changes offers, `request` requests."""
    if session.dry_run:
        return
    found = session.call("listing.show", id=id_).get("direction", direction)
    if found != direction:
        raise Refusal("usage", f"{short(id_)} is {'an' if found == 'offer' else 'a'} {found}", f"p2pnode help {found}")


def _print_published(data: dict[str, Any]) -> None:
    state = data.get("state")
    words = {
        "draft": "kept as a draft; it is published when you join a network",
        "stored": "published; on its way to the neighbours who can be reached",
        "spread": "published, and held by neighbours",
    }
    say(f"{short(data.get('listing_id'))}  {words.get(str(state), state)}")
    say(f"It stands until {_end(data, format_time(data.get('valid_until'), now_ms()))}.")


def _print_list(session: Session, rows: list[dict[str, Any]], direction: str) -> None:
    if not rows:
        say(f"None yet. p2pnode {direction} publish --kind rent --title …")
    table(
        ["ID", "KIND", "TITLE", "PRICE", "STATE", "UNTIL"],
        [
            (
                row["listing_id"] if session.plain else short(row["listing_id"]),
                row.get("kind"),
                row.get("title"),
                row.get("asks") or session.price(row.get("price"), row.get("network")),
                ("paused" + _back(row) if row.get("paused") else row.get("state", "")) + _for_some(row),
                row.get("valid_until") if session.plain else format_time(row.get("valid_until"), now_ms()),
            )
            for row in rows
        ],
        session.plain,
    )


def print_listing(session: Session, row: dict[str, Any]) -> None:
    now = now_ms()
    facts(
        [
            ("id", row.get("listing_id")),
            (row.get("direction", "listing"), row.get("title")),
            ("kind", row.get("kind")),
            ("text", row.get("text")),
            ("price", row.get("asks") or session.price(row.get("price"), row.get("network"))),
            ("quantity", _quantity(row, now)),
            ("to be had", _times(row)),
            ("tags", ", ".join(without_labels(tuple(row.get("tags") or ())))),
            *_labels(session, row),
            ("photos", len(row["photos"]) if row.get("photos") else None),
            ("area", row.get("area")),
            ("distance", None if row.get("distance_km") is None else distance(row["distance_km"])),
            ("by", row.get("author_name")),
            ("last seen", format_time(row.get("last_seen"), now) if row.get("last_seen") else None),
            ("replicas", None if "held_by" in row else row.get("replicas")),
            ("held by", _held(row, now)),
            ("state", "paused" + _back(row) if row.get("paused") else row.get("state")),
            ("until", _end(row, format_time(row.get("valid_until"), now))),
            *why_hidden(row),
        ],
        session.plain,
    )
    if (row.get("pledged") or {}).get("ready"):
        say(f"Next: p2pnode exchange go {short(row.get('listing_id'))}")
    if not row.get("mine") and not row.get("paused") and row.get("state") != "withdrawn":
        say(f"Next: p2pnode exchange propose {short(row.get('listing_id'))}")


def _for_some(row: dict[str, Any]) -> str:
    return ", hidden for some" if row.get("hidden") else ""


def _quantity(row: dict[str, Any], now: int) -> object:
    """How many there are; of a listing of one's own, how many of them are not taken."""
    many, left, at = row.get("quantity"), row.get("left"), row.get("left_at")
    if left is not None:
        day = clock_time(at, now) if at else ""
        return f"{many}, {left} left" + (f" for {day.rpartition(' ')[0] or day}" if day else "")
    return many if row.get("free_now") is None else f"{many}, {row['free_now']} free now"


def _times(row: dict[str, Any]) -> str | None:
    """When it can be had, and in which time zone, if that is not the reader's."""
    times, zone = row.get("times"), row.get("zone")
    if row.get("on"):
        return in_words(row["on"], now_ms())
    return f"{times} ({zone} time)" if times and zone and zone != local_zone() else times


def _labels(session: Session, row: dict[str, Any]) -> list[tuple[str, str | None]]:
    """What its tags say to machines, in words."""
    labels = row.get("labels") or {}
    goal, orders, part = labels.get("goal"), labels.get("orders"), labels.get("part_of")
    return [
        ("goal", goal_of_listing(session, row, goal) if goal else None),
        ("orders", f"until {format_span(orders)} before" if orders else None),
        ("part of", short(part) if part else None),
        ("handover", _HANDOVER.get(labels.get("handover") or "")),
        ("instant", "accepted by itself" if labels.get("instant") else None),
    ]


offer = _build("offer", 'rent --title "Snowblower" --price 2/hour --tag snow')
request = _build("request", 'help --title "Mow the lawn" --price 1 --until 7d')
