"""The kinds of exchange as faces show them."""

from typing import Any

from p2pnode import commands
from protocols.errors import Refusal
from protocols.templates import DutyTemplate, Moment, Template, templates

from .state import State


class Kinds:
    def __init__(self, state: State) -> None:
        self._state = state

    def list(self, args: commands.NoArgs, now: int) -> object:
        own = self._state.settings.kinds
        return [kind_json(t, t.kind in own) for t in (*templates().values(), *(own[k] for k in sorted(own)))]

    def show(self, args: commands.OneKind, now: int) -> object:
        own = self._state.settings.kinds
        found = templates().get(args.kind) or own.get(args.kind)
        if found is None:
            raise Refusal("not_found", f"no kind {args.kind!r}", "`p2pnode kinds` lists those that are known here.")
        return kind_json(found, args.kind in own)


def kind_json(of: Template, own: bool) -> dict[str, Any]:
    """Times in ms, moments as {of, offset}; price: the part that a duty pays, as text."""
    return {
        "kind": of.kind,
        "title": of.title,
        "about": of.about,
        "giver": of.giver,
        "taker": of.taker,
        "own": own,
        "full": of.full_when,
        "time": of.time,
        "slot": of.slot,
        "busy": of.busy,
        "goal": of.goal or None,
        "price": of.price,
        "deposit": of.deposit,
        "cancel": [{"by": c.by, "before": c.before, "fee": str(c.fee) if c.fee else None} for c in of.cancelling],
        "duties": [_duty(row) for row in of.full],
        "plain": [_duty(row) for row in of.plain],
    }


def _duty(row: DutyTemplate) -> dict[str, Any]:
    return {
        "id": row.id,
        "action": row.action,
        "by": row.by,
        "what": row.what,
        "brought": row.brought or None,
        "fetched": row.fetched or None,
        "after": row.after or None,
        "along": row.along or None,
        "from": _moment(row.begins),
        "until": _moment(row.until),
        "within": row.within or None,
        "confirm": row.confirm or None,
        "custody": row.custody,
        "price": str(row.price) if row.price else None,
    }


def _moment(moment: Moment | None) -> dict[str, Any] | None:
    return {"of": moment.of, "offset": moment.offset} if moment is not None else None
