"""What is said on the next page of what was just done: what it was, who is next, and what could not be done."""

from collections.abc import Iterator, Mapping
from typing import Any

from p2pnode.turns import YOU, turns

from . import words
from .languages import N_
from .templating import catalog, say

Said = tuple[str, str]  # the kind of the notice, and its text in the reader's language

_FIRST = 3  # tasks of which it is said why they could not be confirmed or paid; the page shows all of them
_OF_TASKS = {
    "project.confirm": (N_("Tasks confirmed: %(n)s."), N_("Not confirmed:")),
    "project.pay": (N_("Payments on their way: %(n)s."), N_("Not paid:")),
}
_NONE = N_("There was nothing to do.")
_LEFT = N_("There are more: do it once more.")
_WAITING = N_("Waiting for %(who)s: %(what)s.")
_YOURS = N_("Your turn: %(what)s.")


def said(language: str, name: str, answer: Any) -> list[Said]:
    """answer: of the command `name`, as JSON."""
    if name in _OF_TASKS and isinstance(answer, dict):
        return list(_of_tasks(language, name, answer))
    text = say(language, words.DONE.get(name, words.SAID))
    next_ = _next(language, answer) if name in words.FOLLOWED and isinstance(answer, dict) else []
    return [("ok", " ".join([text, *next_]))]


def _next(language: str, exchange: Mapping[str, Any]) -> list[str]:
    """Who is next, and what for: by the same turns as the command line names."""
    texts = catalog(language)
    found = []
    for who, steps in turns(exchange).items():
        what = ", ".join(say(language, words.NEXT.get(turn.word, turn.word)) for turn in steps)
        line = texts.gettext(_YOURS if who == YOU else _WAITING)
        found.append(line % {"who": who, "what": what})
    return found


def _of_tasks(language: str, name: str, answer: Mapping[str, Any]) -> Iterator[Said]:
    done, not_done = (say(language, text) for text in _OF_TASKS[name])
    failed = [row for row in answer["tasks"] if row["problem"]]
    n = len(answer["tasks"]) - len(failed)
    if n:
        yield "ok", done % {"n": n} + (f" {say(language, _LEFT)}" if answer["left"] else "")
    if not answer["tasks"]:
        yield "ok", say(language, _NONE)
    for row in failed[:_FIRST]:
        why = say(language, row["problem"])
        yield "warning", f"{not_done} {row['number']}. {row['title']}: {why}"
