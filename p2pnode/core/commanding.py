"""Carries out what our user commands, once: a request that comes again gets the answer it got before."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from p2pnode import commands
from p2pnode.bounds import MAX_STORED, REQUEST_KEPT
from protocols.codec import decode, encode
from protocols.errors import Refusal, Reject

from .effects import Reply
from .events import Command
from .journal import Journal
from .keys import REQUEST


class Commanding:
    """handlers: by a command's name, what answers it, from (arguments, now). later: those that answer the ticket
    themselves, once they know, from (arguments, ticket, now)."""

    def __init__(
        self,
        journal: Journal,
        handlers: Mapping[str, Callable[[Any, int], Any]],
        later: Mapping[str, Callable[[Any, int, int], None]],
    ) -> None:
        self._journal = journal
        self._handlers = handlers
        self._later = later

    def command(self, command: Command, now: int) -> None:
        writes = commands.COMMANDS[command.name].writes
        remembered = command.request_id if writes else None
        if remembered is not None:
            stored = self._journal.get(REQUEST + remembered.encode())
            if stored is not None:
                self._journal.out(Reply(command.ticket, json.loads(decode(stored, MAX_STORED)[1])))
                return
        try:
            begin = self._later.get(command.name)
            if begin is not None:
                begin(command.args, command.ticket, now)
                return
            result = self._handlers[command.name](command.args, now)
        except Refusal as refusal:
            self._undo()
            self._journal.out(Reply(command.ticket, refusal))
            return
        except Reject as e:
            self._undo()
            unsound = Refusal("usage", f"that cannot be signed: {e.message}", "Check what you typed.")
            self._journal.out(Reply(command.ticket, unsound))
            return
        if remembered is not None:
            reply = encode([now, json.dumps(result)])
            if len(reply) <= MAX_STORED:  # else of very many listings at once: to pause or resume them again is no harm
                self._journal.put(REQUEST + remembered.encode(), reply)
        self._journal.out(Reply(command.ticket, result))

    def forget(self, now: int) -> None:
        """Let go of the answers to requests that nobody will repeat any more."""
        for key, value in self._journal.scan(REQUEST):
            if decode(value, MAX_STORED)[0] < now - REQUEST_KEPT:
                self._journal.delete(key)

    def _undo(self) -> None:
        """A rule refused a command. Every check stands before the first change, so there is nothing to undo."""
        if self._journal.dirty:
            raise AssertionError("a command was refused after it had changed something")
        self._journal.drop()
