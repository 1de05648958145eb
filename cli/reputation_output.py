"""A reputation in words: what the score rests on, what is missing, and what may be at risk."""

from typing import Any

from .faults_output import record_lines
from .output import facts, indented, say, short, table
from .session import Session
from .times import format_time, moment, now_ms

_NOBODY = "Nobody whom this node can trust has rated {} yet, so the score is where everybody's begins."
_MOOD = 0.1  # as much lower or higher is worth a word


def print_reputation(session: Session, data: dict[str, Any], why: bool) -> None:
    """data: the reply of `reputation`; of an older node, some of it is missing."""
    score, confidence, exposure = data.get("score"), data.get("confidence"), data.get("exposure") or {}
    name = data.get("name") or short(data.get("peer_id"))
    mine = bool(exposure.get("helps"))
    facts(
        [
            ("peer", name),
            ("score", None if score is None else f"{score:.2f} of 1"),
            ("confidence", None if confidence is None else f"{confidence:.1f} trusted raters"),
            ("credit limit", session.money(data["limit"]) if data.get("limit") is not None else None),
            ("exposure", _at_most(session, exposure, name, mine)),
        ],
        session.plain,
    )
    if data.get("misconduct"):
        say("Proven misconduct: do not deal with this peer.")
    if data.get("forgiven"):
        say(f"You have forgiven this peer: {data['forgiven']['reason']}")
    for one in (data.get("proofs") or ()) if why or data.get("misconduct") else ():
        when = moment(one["at"]) if session.plain else format_time(one["at"], now_ms())
        say(f"  {one['text']} (shown by {one.get('finder_name') or _who(one.get('finder'))}, {when})")
    if not confidence:
        say(_NOBODY.format("you" if mine else "this peer"))
    for dimension, told in (data.get("dimensions") or {}).items():
        many = "one rater" if told["raters"] == 1 else f"{told['raters']} raters"
        say(f"{dimension}: {told['average']:+.1f} on average, of -2 to 2, by {many}")
    for line in record_lines(data.get("faults") or {}):
        say(line)
    _words(data.get("why") or ())
    if why:
        _missing(data, mine)
        _risked(session, exposure, name, mine)


def print_graph(session: Session, data: dict[str, Any]) -> None:
    """data: the reply of `reputation.graph`."""
    people = data.get("people") or ()
    if not people:
        return say("Nobody yet: an invite, a vouch or a deal that went well is a path. p2pnode invite")
    table(
        ["NAME", "SCORE", "RATERS", "AT RISK UP TO", "PATH"],
        [
            (
                row["name"],
                f"{row['score']:.2f}",
                f"{row['confidence']:.1f}",
                session.money(row["most"]) if row.get("most") else "",
                " → ".join(_who(step) for step in row["path_names"]),
            )
            for row in people
        ],
        session.plain,
    )
    if data.get("more"):
        say(f"And {data['more']} more, farther away.")


def _words(rows: Any) -> None:
    """The ratings that count, each with the path on which it came and what it weighs."""
    if rows:
        say("Who says so, how it comes to you, and what it weighs:")
    weighed: set[tuple[Any, Any]] = set()
    for row in rows:
        rater, path = row.get("rater_name") or _who(row.get("rater")), row.get("path_names") or row.get("path") or ()
        said = f"by {rater}"
        quarrel = bool(path) and row.get("path") and row["path"][-1] != row.get("rater")
        if quarrel:
            said += f" of {row.get('ratee_name') or _who(row.get('ratee'))}"
        if len(path) > 1:
            said += f" ({' → '.join(_who(step) for step in path)})"
        line = f"  {row.get('outcome', 0):+d} {said} in {short(row.get('exchange_id'))}"
        pair = row.get("rater"), row.get("ratee")
        if row.get("trust") is not None:
            line += ", the same voice" if pair in weighed else f", {_voice(row['trust'])}"
        if quarrel:
            line += f": to speak ill of whom you trust counts a little against {rater}, too"
        weighed.add(pair)
        say(line)
        if row.get("dimensions"):
            say(f"     {', '.join(f'{name} {said:+d}' for name, said in row['dimensions'].items())}")
        if row.get("text"):
            say(f"     {indented(row['text'], 5)}")


def _voice(trust: float) -> str:
    return "a full voice" if trust >= 0.995 else f"{trust:.2f} of a voice"


def _missing(data: dict[str, Any], mine: bool) -> None:
    """What would have been said, and by what else the score is moved."""
    unheard, mood = data.get("unheard") or 0, data.get("mood", 1.0)
    if unheard:
        more = " more" if data.get("why") else ""
        many, their = (f"One{more} has", "that word") if unheard == 1 else (f"{unheard}{more} have", "their word")
        rated = "you" if mine else data.get("name") or "this peer"
        say(
            f"{many} rated {rated}, but no path leads there from those you trust, so {their} does not count. "
            "Deals that go well make paths."
        )
    if mood < 1.0 - _MOOD:
        say("More than one in ten of your own deals went badly, so you see all scores lower.")
    elif mood > 1.0 + _MOOD:
        say("Your own deals went better than nine in ten, so you see all scores a little higher.")


def _at_most(session: Session, exposure: Any, name: str, mine: bool) -> str | None:
    """How much may be at risk, and what of it is."""
    if not exposure:
        return None
    most = session.money(exposure["most"])
    if mine:
        return f"up to {most}: so much others may have at risk with you"
    opened = f" ({session.money(exposure['open'])} of it open)" if exposure["open"]["amount"] else ""
    return f"up to {most}{opened} at risk with {name} at a time"


def _risked(session: Session, exposure: Any, name: str, mine: bool) -> None:
    """The paths that carry an exposure, and what would help whoever has little."""
    paths = exposure.get("paths") or ()
    if paths:
        say("What may be at risk rests on:")
    elif exposure and not mine:
        say(
            f"Nobody you trust stands for {name} with deals or a vouch yet. "
            f"Begin with a small deal, with instalments, or with {name} going first."
        )
    for row in paths:
        rests = {True: ", a vouch", False: ", deals that went well"}.get(row.get("vouched"), "")
        used = ", open" if row["open"] else ""
        say(f"  {session.money(row['amount'])} by {' → '.join(_who(step) for step in row['path_names'])}{rests}{used}")
    for line in exposure.get("helps") or ():
        say(f"To be trusted with more, {line}.")


def _who(step: Any) -> str:
    text = str(step)
    return short(text) if len(text) > 40 else text
