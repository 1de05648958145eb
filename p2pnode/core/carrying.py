"""What makes a delivery pass a parcel on: the parcel's number, who receives it, and the code for the door."""

from p2pnode import commands
from protocols.door import make_code
from protocols.duties import door_hash
from protocols.errors import Refusal
from protocols.parcel import courier_of, customer_of, with_parcel
from protocols.terms import Terms

from .exchanges import Exchanges
from .keys import DOOR
from .state import State


class Carrying:
    """Drafts only: nothing is said, and a code is stored by `keep_code` once the terms that name it are."""

    def __init__(self, state: State, exchanges: Exchanges) -> None:
        self._state = state
        self._exchanges = exchanges
        self._drafted: tuple[bytes, str] = (b"", "")  # door hash → its code, of the draft before

    def is_wanted(self, args: commands.Propose, parent: bytes, now: int) -> bool:
        """Whether a parcel is to be passed on: a new one, or that of the exchange which this one carries out."""
        above = self._exchanges.held.get(parent)
        carried = above is not None and bool(self._exchanges.view(above, now).terms.parcel)
        return carried or bool(args.parcel or args.door) or args.to is not None

    def draft(self, args: commands.Propose, terms: Terms, now: int) -> Terms:
        """The terms of a proposal, with a parcel if our user wants one. `Refusal`."""
        parent = self._exchanges.held.get(terms.parent)
        above = None if parent is None else self._exchanges.view(parent, now)
        if parent is not None and above is not None and above.terms.parcel:
            if not above.agreed or courier_of(above.terms) != self._state.me:
                raise Refusal("refused", "you do not carry the parcel of that exchange", "Name one where you do.")
            if args.door or args.to is not None:
                raise Refusal("usage", "where a parcel goes is agreed already", "Leave --door and --to out.")
            return self._on(above.terms, terms, parent.id)
        if not (args.parcel or args.door or args.to is not None):
            return terms
        if not args.door and args.to is None:
            raise Refusal("usage", "to whom does the parcel go?", "--to PEER, or --door: a code is shown there.")
        parcel = self._state.rng.randbytes(32)
        found = with_parcel(terms, parcel, parent=terms.parent)
        recipient = b"" if args.to is None else self._state.directory.resolve(args.to)
        if recipient == courier_of(found):
            raise Refusal("usage", "the courier cannot be who receives it", "Name who does.")
        if recipient == customer_of(found):
            raise Refusal("usage", "who sends a parcel cannot be who receives it", "Name who does.")
        door = self._door(found) if args.door else b""
        return with_parcel(found, parcel, recipient, door, found.parent)

    def again(self, args: commands.Counter, old: Terms, terms: Terms) -> Terms:
        """The terms of a counter-proposal: the same parcel as before, and a code for the door if our user wants one."""
        if not old.parcel:
            if args.door:
                raise Refusal("usage", "there is no parcel in this exchange", "Propose one: --parcel.")
            return terms
        found = with_parcel(terms, old.parcel, old.recipient, old.door, old.parent)
        return with_parcel(found, old.parcel, old.recipient, self._door(found), old.parent) if args.door else found

    def keep_code(self, terms: Terms) -> None:
        """These terms were said: who sends the parcel keeps the code."""
        door, code = self._drafted
        if door and terms.door == door:
            self._state.journal.put(DOOR + terms.parcel, code.encode())
            self._drafted = (b"", "")

    def code_of(self, terms: Terms) -> str | None:
        """The code that these terms name the hash of, if we made it."""
        kept = self._state.journal.get(DOOR + terms.parcel)
        code = "" if kept is None else kept.decode()
        return code if code and door_hash(terms.parcel, code) == terms.door else None

    def _on(self, above: Terms, terms: Terms, parent: bytes) -> Terms:
        """To the next courier: the same parcel, door and recipient."""
        found = with_parcel(terms, above.parcel, above.recipient, above.door, parent)
        if self._state.me != customer_of(found) or above.recipient in terms.parties:
            raise Refusal("refused", "this does not pass your parcel on", "Propose on an offer of another courier.")
        return found

    def _door(self, terms: Terms) -> bytes:
        if customer_of(terms) != self._state.me:
            raise Refusal("refused", "who sends a parcel makes the code for the door", "Leave --door out.")
        code = make_code(self._state.rng)
        self._drafted = (door_hash(terms.parcel, code), code)
        return self._drafted[0]
