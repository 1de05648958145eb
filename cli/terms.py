"""The options that say what is asked of an exchange, and terms as they would be proposed."""

import tomllib
from pathlib import Path
from typing import Any, Final

import click

from protocols.errors import Refusal
from protocols.spans import format_span

from .exchange_output import how_many
from .output import facts, say, warn
from .session import Session
from .times import clock_time, now_ms, parse_span, parse_time, until

_WITNESS = (
    "A neighbour who may call the payment off if it is not answered in time, so that your credit is not bound for "
    "ever. Repeat it: of 1 that one must agree, of 3 two, of 4 three, of 5 four, of 6 or 7 five. Three bear one who is "
    "silent, four one who lies; two are no use. Only for a price in the network's credit."
)
_FILE: Final = ".toml"
_LISTS: Final = ("witness", "leg", "share")
_WAYS: Final = ("bring", "fetch")
_SPANS: Final = ("cancel_until", "within")


def _options() -> list[Any]:
    count, text = click.IntRange(min=1), click.option
    return [
        text("--quantity", type=count, help="How many, or how long in the price's units."),
        text("--items", type=count, help="How many at once of what is had by the hour or day: 1."),
        text("--from", "start", metavar="TIME", multiple=True, help="From when; or FILE.toml: options from it."),
        text("--until", "end", metavar="TIME", help="Until when."),
        text("--price", metavar="PRICE", help="Another price than the one asked."),
        text("--bring", "way", flag_value="bring", help="The thing is brought."),
        text("--fetch", "way", flag_value="fetch", help="The thing is fetched."),
        text("--note", default="", help="A line for the other side."),
        text("--witness", metavar="PEER", multiple=True, help=_WITNESS),
        text(
            "--instalments",
            type=click.IntRange(min=1, max=12),
            metavar="N",
            help="Give and pay in N steps, in turn: 2 to 12; 1 is at once. For one piece of work or goods.",
        ),
        text(
            "--deposit",
            metavar="AMOUNT",
            help="Credit that is paid before the handover and back after the return. To rent or lend.",
        ),
        text(
            "--form",
            type=click.Choice(["plain", "full"]),
            help="full: deadlines that count, confirming by time, cancelling alone, as the kind has them "
            "(p2pnode kinds show KIND). A booking with --from and --until of what is rented or lent is full by itself. "
            "plain: what nodes of the first version understand, too.",
        ),
        text("--mediator", metavar="PEER", help="Whose signature, with that of one of you, decides a dispute."),
        text("--cancel-until", metavar="SPAN", help="Either may cancel alone until so long before the start: 24h."),
        text("--fee", metavar="AMOUNT", help="What who cancels alone owes the other."),
        text("--within", metavar="SPAN", help="How long the first duty may take: 2h, 3d."),
        text("--goal", metavar="GOAL", help="Only if so many agree, 10, or so much comes together: '500 hour'."),
        text("--goal-until", metavar="TIME", help="By when the goal must be reached."),
        text("--leg", metavar="LEG", multiple=True, help="Barter: 'mine: a basket of apples', 'yours: …'; repeat it."),
        text("--share", metavar="PEER:PARTS", multiple=True, help="Who gets how many parts of what is earned."),
        text("--parent", metavar="EXCHANGE", help="The exchange that this one carries out a part of."),
    ]


KEYS: Final = frozenset(
    {
        "quantity", "items", "from", "until", "price", "note", "witness", "instalments", "deposit", "form", "mediator",
        "cancel-until", "fee", "within", "goal", "goal-until", "leg", "share", "parent", "bring", "fetch",
    }
)  # fmt: skip


def terms_options(function: Any) -> Any:
    for option in reversed(_options()):
        function = option(function)
    return function


def gathered(given: dict[str, Any]) -> dict[str, Any]:
    """What was asked: the fields of a file, with the options of the command line above them; times and spans in ms, and
    None for what was not named. `Refusal` (usage)."""
    starts = given.pop("start")
    files = [text for text in starts if text.endswith(_FILE)]
    times = [text for text in starts if not text.endswith(_FILE)]
    named = {**given, "start": times[-1] if times else None}
    fields = _read(files[-1]) if files else {}
    fields.update({key: value for key, value in named.items() if value not in (None, (), "") or key not in fields})
    now = now_ms()
    for key, end in (("start", False), ("end", True), ("goal_until", True)):
        if isinstance(fields.get(key), str):
            fields[key] = parse_time(fields[key], now, end=end)
    for key in _SPANS:
        if isinstance(fields.get(key), str):
            fields[key] = 0 if fields[key] == "0" else parse_span(fields[key])
    for key in _LISTS:
        fields[key] = fields[key] or None
    return fields


def _read(source: str) -> dict[str, Any]:
    hint = "It holds lines such as: deposit = '5'"
    try:
        read = tomllib.loads(Path(source).expanduser().read_bytes().decode())
    except OSError as e:
        raise Refusal("usage", f"Cannot read the file {source}: {e.strerror}", "Check the path") from e
    except (ValueError, RecursionError) as e:
        raise Refusal("usage", f"the file {source}: {e}", hint) from e
    unknown = sorted(set(read) - KEYS)
    if unknown:
        known = ", ".join(sorted(KEYS))
        raise Refusal("usage", f"the file {source}: {unknown[0]} is no field of a proposal", f"The fields: {known}")
    named = {"from": "start", "until": "end"}
    fields: dict[str, Any] = {named.get(key, key.replace("-", "_")): value for key, value in read.items()}
    ways = [(way, fields.pop(way)) for way in _WAYS if way in fields]
    if len(ways) > 1 or any(value is not True for _, value in ways):
        raise Refusal("usage", f"the file {source}: bring and fetch", "Write one of the two, as bring = true.")
    if ways:
        fields["way"] = ways[0][0]
    for key, value in fields.items():
        if key in _LISTS:
            fields[key] = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value
        elif key not in ("quantity", "items", "instalments"):
            fields[key] = str(value)  # 5 and a date of TOML are what would be typed
    return fields


def print_terms(session: Session, data: dict[str, Any]) -> None:
    """What would be proposed, duty by duty."""
    terms, now = data["terms"], now_ms()

    def money(amount: Any) -> str | None:
        return session.money(amount, network=terms["network"]) if amount else None

    goal = terms.get("goal")
    facts(
        [
            ("would propose", f"{terms['title']} ({terms['kind']})"),
            ("quantity", how_many(terms)),
            ("for", money(terms["price"]) or "nothing"),
            ("deposit", money(terms["deposit"])),
            ("handover", {"bring": "brought", "fetch": "fetched"}.get(terms.get("handover") or "")),
            ("from", clock_time(terms["from"], now) if terms["from"] else None),
            ("until", clock_time(terms["until"], now) if terms["until"] else None),
            ("goal", _goal(goal, money) + f" by {clock_time(goal['until'], now)}" if goal else None),
            ("mediator", terms["mediator"]),
            ("witnesses", ", ".join(terms["witnesses"]) or None),
            ("proceeds", ", ".join(f"{s['parts']} to {s['who']}" for s in terms["split"]) or None),
            ("part of", terms["parent"][:8] if terms["parent"] else None),
            ("parcel", _parcel(terms)),
            ("note", terms["note"] or None),
        ],
        session.plain,
    )
    for duty in terms["duties"]:
        amount = money(duty["amount"])
        what = f"{duty['what']} ({amount})" if amount and amount not in duty["what"] else duty["what"]
        rest = [text for text in _when(duty, now) if text]
        say(f"  {duty['id']:<10} {duty['who']}: {what}" + (f"; {', '.join(rest)}" if rest else ""))
    for rule in terms["cancellation"]:
        say(f"  {rule['who']} may cancel alone {until(rule['until'], now)}")
    for warning in data.get("warnings") or ():
        warn(f"{warning[:1].upper()}{warning[1:]}.")
    say("Nothing was done.")


def _goal(goal: dict[str, Any], money: Any) -> str:
    if goal["unit"]:
        return f"{money({'amount': goal['least'], 'unit': goal['unit']})} in all"
    return f"{goal['least']} who agree"


def _parcel(terms: dict[str, Any]) -> str | None:
    if not terms.get("parcel"):
        return None
    to = f", to {terms['recipient']}" if terms["recipient"] else ""
    return f"passed on by receipts{to}{', with a code at the door' if terms['door'] else ''}"


def _when(duty: dict[str, Any], now: int) -> list[str | None]:
    return [
        f"after {duty['after']}" if duty["after"] else None,
        f"along with {duty['along']}" if duty["along"] else None,
        "if cancelling alone" if duty["on"] else None,
        f"not before {clock_time(duty['from'], now)}" if duty["from"] else None,
        until(duty["until"], now) if duty["until"] else None,
        f"within {format_span(duty['within'])}" if duty["within"] else None,
        f"counts as confirmed after {format_span(duty['confirm'])}" if duty["confirm"] else None,
    ]
