"""What the validator of structs complains of, in words for who typed it. Pure."""

import re
from typing import Final

_NAMES: Final = {"str": "text", "int": "a whole number", "float": "a number", "bool": "yes or no", "array": "a list"}
_TYPED: Final = {  # what the command line calls differently, or as an option of another command
    "health": "doctor",
    "history": "status",
    "peers.banned": "peers.list",
    "invite.list": "invite",
    "leave.foresee": "leave",
    "claim.propose": "claim new",
    "exchange.foresee": "exchange propose",
    "exchange.foresee_counter": "exchange counter",
    "project.foresee": "project split",
    "project.ready": "project confirm",
    "project.claimed": "project mine",
    "reputation.forgive": "reputation",
    "reputation.graph": "reputation",
    "misconduct.publish": "challenge publish",
    "settings.list": "config list",
    "settings.set": "config set",
    "web.login": "web",
    "web.sessions": "web",
    "photo.add": "offer publish",
    "photo.here": "offer photos",
    "photo.get": "offer photos",
    "web.revoke": "web",
    "web.pair": "web",
    "web.lan": "web",
    "search.begin": "search",
    "search.more": "search",
    "search.save": "search",
    "search.saved": "search",
    "search.forget": "search",
    "search.pause": "search",
    "search.resume": "search",
    "notices.dismiss": "notices",
    "notices.list": "notices",
    "notices.seen": "notices",
    "vouch.list": "vouches",
    "vouch.takeover": "unvouch",
    "vouch.take": "vouches take",
    "vouch.decline": "vouches decline",
    "vouch.return": "vouches return",
}
_CHARACTERS: Final = "has characters that do not belong there"
# Which characters belong there, where that can be said.
_ALLOWED: Final = {
    "kind": "begins with a letter; then a to z, 0 to 9, - and _ (no blanks or capitals)",
    "when": "should be a rule such as FREQ=WEEKLY;BYDAY=SA,SU (RFC 5545)",
    "unit": "is one word without digits in front, such as hour",
    "web": "should be 127.0.0.1:PORT or [::1]:PORT: only this machine may call",
    "terms": "should be the hash that `exchange show` names: 16 of its digits, or more",
    "area": "should be a geohash of at most 6 characters, such as u33db",
}
_CALLED: Final = {"available.rrule": "when", "area_to": "to", "tags": "tag", "photos": "photo", "price.per": "price"}
_PLACE: Final = re.compile(r" - at `\$\.([^`]*)`+")
_RULES: Final = (
    (re.compile(r"Expected `str` of length >= 1\b"), "must not be empty"),
    (re.compile(r"Expected `str` of length >= (\d+)"), r"needs at least \1 characters"),
    (re.compile(r"Expected `str` of length <= (\d+)"), r"must have at most \1 characters"),
    (re.compile(r"Expected `(?:array|object)` of length <= (\d+)"), r"there may be at most \1"),
    (re.compile(r"Expected `(?:array|object)` of length >= (\d+)"), r"there must be at least \1"),
    (re.compile(r"Expected `(?:int|float)` <= (-?\d+)"), r"must be at most \1"),
    (re.compile(r"Expected `(?:int|float)` >= (-?\d+)"), r"must be at least \1"),
    (re.compile(r"Expected `str` matching regex '.*'", re.DOTALL), _CHARACTERS),
    (re.compile(r"Object contains unknown field `(\w+)`"), r"there is no \1"),
    (re.compile(r"Object missing required field `(\w+)`"), r"\1 is missing"),
    (re.compile(r"Invalid enum value (.+)"), r"cannot be \1"),
)
_OTHER_TYPE: Final = re.compile(r"Expected `(\w+)[^`]*`(?:, got `(\w+)[^`]*`)?")


def in_words(problem: str) -> str:
    """msgspec's sentence with the field in front: `Expected …- at `$.title`` becomes `title: must not be empty`."""
    place = _PLACE.search(problem)
    what = problem if place is None else problem[: place.start()]
    path = "" if place is None else re.sub(r"\[[^\]]*\]", "", place[1])
    path = _CALLED.get(path, path)
    for pattern, words in _RULES:
        what = pattern.sub(words, what)
    if what == _CHARACTERS:
        what = _ALLOWED.get(path, what)
    what = _OTHER_TYPE.sub(_types, what)
    return f"{path}: {what[:1].lower()}{what[1:]}" if path else what


def _types(match: re.Match[str]) -> str:
    wanted, got = (_NAMES.get(name, name) if name else "" for name in match.groups())
    return f"should be {wanted}" + (f", not {got}" if got else "")


def help_for(command: str) -> str:
    """What to type for help on a command of the API."""
    group, _, verb = _TYPED.get(command, command).partition(".")
    return f"p2pnode help {'offer' if group == 'listing' else group} {verb}".strip()
