"""Messages between neighbours: kept before they leave, sent until they are acknowledged, sealed on the way.

What is kept is the text, not the box: a box is made when it is queued, with our newest key and the newest one that is
known of who is to read it. So a message outlives a rotation of either side, and is known again by its id.
"""

from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from p2pnode.arguments import NoArgs
from p2pnode.message_arguments import ListMessages, OneMessage, SeenMessages, SendMessage, SomeMessages
from protocols import message_messages as messages
from protocols.codec import decode, encode
from protocols.errors import Ignore, Refusal, Reject
from protocols.identity import digest, identify
from protocols.limits import MAX_MESSAGES_QUEUED, MAX_SKEW, MESSAGE_REMEMBERED, SECOND
from protocols.message import Body, Message, open_message, parse_body, seal_message, verify_message

from .effects import Emit, Send
from .exchanges import Exchanges
from .held import Held
from .keys import DONE_WITH, MESSAGE, PUT_AWAY
from .message_room import THEIRS, Kept, MessageState, can_give_way, is_full, to_give_way, why_later, why_not_of_stranger
from .outbox import Outbox
from .state import Network, State

BEYOND = "their node is older and cannot take messages"


class Messages:
    def __init__(self, state: State, exchanges: Exchanges, outbox: Outbox) -> None:
        self._state = state
        self._exchanges = exchanges
        self._outbox = outbox
        self._threads: dict[bytes, dict[bytes, Kept]] = {}
        self._boxes: dict[bytes, tuple[bytes, bytes]] = {}  # hash of a box on its way → whom it is for, message
        self._sealed: dict[bytes, tuple[bytes, bytes]] = {}  # message → hash of its box, the key that this is for
        self._met: tuple[int, frozenset[bytes]] = (0, frozenset())
        for key, value in state.journal.scan(MESSAGE):
            other, header, came, word, why = decode(value)
            body = parse_body(header) if header else None
            kept = Kept(key[len(MESSAGE) :], body, came, MessageState(word), why)
            self._threads.setdefault(other, {})[kept.id] = kept
        self._queue_all(0)

    # Commands

    def send(self, args: SendMessage, now: int) -> dict[str, Any]:
        """The answer is kept for a day, so the text does not stand in it."""
        other = self._state.directory.resolve(args.peer)
        name = self._state.directory.name(other)
        if other == self._state.me:
            raise Refusal("usage", "that is you", "Name a neighbour.")
        if not args.text.strip():
            raise Refusal("usage", "a message that says nothing", "Write something.", "text")
        held = self._about(args.exchange, other)
        network = self._state.shared(args.network, other) if held is None else self._state.networks[held.network]
        if self._is_blocked(other):
            raise Refusal("conflict", f"you have shut {name} out", "`p2pnode peers unblock` lets them in again.")
        mine = [k for k in self._threads.get(other, {}).values() if k.body and k.body.author == self._state.me]
        if sum(k.state is MessageState.QUEUED for k in mine) >= MAX_MESSAGES_QUEUED:
            raise Refusal("refused", f"{MAX_MESSAGES_QUEUED} messages wait for {name}", "Wait until they are back.")
        self._outbox.check_room()
        self._state.check_here(network.id)
        self._check_room(other)
        at = max([now, *(k.body.at + 1 for k in mine if k.body is not None and k.body.at <= now + SECOND)])
        about = b"" if held is None else held.id
        body = Body(network=network.id, author=self._state.me, to=other, at=at, text=args.text, exchange=about)
        kept = Kept(digest(body.encode()), body, now, MessageState.QUEUED)
        box = self._seal(other, body)
        self._mark(self._some(other, about))
        self._keep(other, kept)
        self._queue(other, kept, box, now)
        shown = self._row(other, kept)
        del shown["text"]
        return shown

    def listed(self, args: ListMessages, now: int) -> list[dict[str, Any]]:
        self._look(now)
        found = [(other, kept) for other, kept in self._named(args) if not args.new or kept.state is MessageState.NEW]
        found.sort(key=lambda one: _order(one[1]))
        return [self._row(*one) for one in found[-args.limit :]]

    def threads(self, args: NoArgs, now: int) -> list[dict[str, Any]]:
        """A row for each neighbour and exchange: the newest message, and how many are new."""
        self._look(now)
        found: dict[tuple[bytes, bytes], list[Kept]] = {}
        for other, kept in self._some():
            found.setdefault((other, self._exchange_of(kept, other)), []).append(kept)
        rows = []
        for (other, _), some in found.items():
            last = max(some, key=_order)
            rows.append({**self._row(other, last), "new": sum(k.state is MessageState.NEW for k in some)})
        return sorted(rows, key=lambda row: (-row["at"], row["id"]))

    def show(self, args: OneMessage, now: int) -> dict[str, Any]:
        self._look(now)
        return self._row(*self._find(args.id))

    def seen(self, args: SeenMessages, now: int) -> dict[str, Any]:
        ids = None if args.ids is None else {bytes.fromhex(id_) for id_ in args.ids}
        return {"seen": self._mark([one for one in self._named(args) if ids is None or one[1].id in ids])}

    def erase(self, args: OneMessage, now: int) -> dict[str, Any]:
        """Of what somebody else wrote the id is remembered for a while, so that a copy is not taken again."""
        other, kept = self._find(args.id)
        if kept.state in THEIRS:
            self._keep(other, Kept(kept.id, None, now, MessageState.ERASED))
            self._state.journal.purge(MESSAGE + kept.id)
        else:
            self._unseal(kept.id)
            self._let_go(other, kept)
            self._state.journal.erase(MESSAGE + kept.id)
        return {"id": kept.id.hex(), "erased": True}

    def unread(self) -> int:
        return sum(kept.state is MessageState.NEW for thread in self._threads.values() for kept in thread.values())

    # By itself

    def forget(self, now: int) -> None:
        """Let go of what was erased long ago; queue what could not be. Called now and then."""
        for other, thread in [*self._threads.items()]:
            for kept in [*thread.values()]:
                if kept.state is MessageState.ERASED and kept.came < now - MESSAGE_REMEMBERED:
                    self._let_go(other, kept)
        self._queue_all(now)

    # What others say

    def received(self, peer: str, data: bytes, now: int) -> None:
        """`Reject` or `Ignore` for what does not count; acknowledged once it is stored."""
        match messages.parse_message(data):
            case messages.Sealed(box):
                answer = self._came(peer, box, now)
                self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(answer)))
            case messages.Ack(id_):
                other, message = self._boxes.get(id_, (b"", b""))
                if other and self._outbox.acknowledged(id_, peer):  # what waits elsewhere here is not ours to drop
                    self._unseal(message)
                    self._keep(other, replace(self._threads[other][message], state=MessageState.DELIVERED, why=""))
                    self._state.journal.out(Emit("delivered", {"id": message.hex()}))
            case messages.Later(id_, text):
                self._put_off(peer, id_, text)
            case messages.Refuse(id_, code, text):
                self._turned_down(peer, id_, code, text, now)

    def _came(self, peer: str, box: bytes, now: int) -> messages.Message:
        """What is answered to this box."""
        id_ = digest(box)
        try:
            message = open_message(self._state.signer, box)
        except Reject as e:
            if e.code != "signature":
                raise
            return messages.Refuse(id_, messages.OLD_KEY, "it is sealed to a key that is not in use here any more")
        body = message.body
        if not self._state.directory.speaks_for(peer, body.author):  # nor is anybody else told that we have it
            raise Ignore("context", "brought by a node that is not known to speak for its author")
        if self._has(body.author, message.id):
            return messages.Ack(id_)
        network = self._state.networks.get(body.network)
        if network is None:
            raise Ignore("network")
        if network.left:
            return messages.Refuse(id_, "refused", "they have left this network")
        if body.at > now + MAX_SKEW:
            raise Ignore("clock", "dated ahead; it will be sent again")
        self._verify(message)
        if self._is_blocked(body.author):
            return messages.Refuse(id_, "refused", "no messages are taken")
        held = self._exchanges.get(body.exchange) if body.exchange else None
        if held is not None and body.author not in _people(held):
            return messages.Refuse(id_, "refused", "it is about an exchange of others")
        self._look(now)
        why = self._why_later(network, body.author, now)
        if why:
            return messages.Later(id_, why)
        kept = Kept(message.id, body, now, MessageState.NEW)
        self._keep(body.author, kept)
        self._say(body.author, kept)
        return messages.Ack(id_)

    def _put_off(self, peer: str, box: bytes, text: str) -> None:
        """There is no room for it yet: it stays on its way."""
        other, message = self._boxes.get(box, (b"", b""))
        if other and self._state.directory.speaks_for(peer, other):
            kept = self._threads[other][message]
            if kept.why != text:
                self._keep(other, replace(kept, why=text))

    def _turned_down(self, peer: str, box: bytes, code: str, text: str, now: int) -> None:
        other, message = self._boxes.get(box, (b"", b""))
        if not other or not self._state.directory.speaks_for(peer, other):
            return
        kept = self._threads[other][message]
        assert kept.body is not None
        if code == messages.OLD_KEY:
            if self._key(kept.body.network, other) != self._sealed[message][1]:  # else the new one has not come yet
                self._unseal(message)
                self._queue_all(now)
            return
        self._unseal(message)
        kept = replace(kept, state=MessageState.REFUSED, why=text)
        self._keep(other, kept)
        self._say(other, kept)

    # Parts

    def _why_later(self, network: Network, author: bytes, now: int) -> str:
        why = why_later(self._threads, author, now)
        if why or not self._is_stranger(author):
            return why
        return why_not_of_stranger(self._threads, author, self._is_stranger, network.member(author))

    def _look(self, now: int) -> None:
        """Whom our user has dealt with, looked up at most once a second: in many exchanges that takes a while."""
        since, _ = self._met
        if not since or now >= since + SECOND:
            met = {network.inviter for network in self._state.joined}
            for held in self._exchanges.held.values():
                if held.count(self._state.me):  # we have said something in it
                    met.update(_people(held))
            self._met = (now, frozenset(met))

    def _is_stranger(self, author: bytes) -> bool:
        """With whom our user has had nothing to do: no exchange in which we spoke, no word of ours, no name given."""
        directory = self._state.directory
        named = [p for p in directory.peers_of(author) if p in directory.pet_names]
        return not (
            author in self._met[1]
            or any(kept.state not in THEIRS for kept in self._threads.get(author, {}).values())
            or any(directory.author_of(peer) == author for peer in named)
            or any(self._state.journal.get(DONE_WITH + network + author) for network in self._state.networks)
        )

    def _is_blocked(self, author: bytes) -> bool:
        banned = self._state.banned
        return any(p in banned and banned[p].by_user for p in self._state.directory.peers_of(author))

    def _about(self, exchange: str | None, other: bytes) -> Held | None:
        held = None if exchange is None else self._exchanges.find(exchange)
        if held is not None and other not in _people(held):
            name = self._state.directory.name(other)
            raise Refusal("usage", f"{name} has no part in that exchange", "Name one with the same neighbour, or none.")
        return held

    def _verify(self, message: Message) -> None:
        """Only the newest key of its author speaks: a message is signed when it leaves."""
        known = self._state.key_states.get(message.author)
        if message.epoch != (0 if known is None else known.epoch):
            raise Ignore("epoch", "signed with a key that has been replaced, or that has not arrived yet")
        verify_message(message, None if known is None else known.key)

    def _key(self, network_id: bytes, author: bytes) -> bytes | None:
        """The newest key of an author that is known here."""
        known = self._state.key_states.get(author)
        network = self._state.networks.get(network_id)
        row = None if network is None else network.catalog.get((author, "profile", b""))
        record = None if network is None or row is None else self._state.record_of(network, row.id)
        return known.key if known is not None else None if record is None else identify(record.inception)[1]

    def _queue_all(self, now: int) -> None:
        """What waits and is in no box yet; where no key is known to seal it to, it goes on waiting."""
        for other, thread in self._threads.items():
            for kept in thread.values():
                if kept.state is MessageState.QUEUED and kept.id not in self._sealed and kept.body is not None:
                    with suppress(Refusal, Reject):
                        self._queue(other, kept, self._seal(other, kept.body), now)

    def _seal(self, other: bytes, body: Body) -> tuple[bytes, bytes]:
        """A box, and the key that it is for. `Refusal` where none is known, `Reject` where it is none to seal to."""
        key = self._key(body.network, other)
        if key is None:
            name = self._state.directory.name(other)
            raise Refusal("refused", f"the key of {name} is not known here", "Wait until their node is back.")
        return seal_message(self._state.signer, body, key=key, secret=self._state.rng.randbytes(32)), key

    def _queue(self, other: bytes, kept: Kept, sealed: tuple[bytes, bytes], now: int) -> None:
        assert kept.body is not None
        (box, key), network = sealed, kept.body.network
        id_ = digest(box)
        self._boxes[id_], self._sealed[kept.id] = (other, kept.id), (id_, key)
        frame = messages.encode_message(messages.Sealed(box))
        self._outbox.add(id_, network, other, messages.PROTOCOL, frame, now, keep=False)

    def _unseal(self, message: bytes) -> None:
        """It is on its way no more."""
        box, _ = self._sealed.pop(message, (b"", b""))
        self._boxes.pop(box, None)
        self._outbox.drop(box)

    def _check_room(self, other: bytes) -> None:
        if is_full(self._threads, other) and not can_give_way(self._threads, other):
            raise Refusal("refused", "there is no room for more messages", "Mark as read what you have read.")

    def _make_room(self, other: bytes) -> None:
        gone = to_give_way(self._threads, other, self._is_stranger) if is_full(self._threads, other) else None
        if gone is not None:
            self._let_go(*gone)

    def _keep(self, other: bytes, kept: Kept) -> None:
        if not self._has(other, kept.id):
            self._make_room(other)
        self._threads.setdefault(other, {})[kept.id] = kept
        header = kept.body.encode() if kept.body is not None else b""
        self._state.journal.put(MESSAGE + kept.id, encode([other, header, kept.came, kept.state.value, kept.why]))

    def _let_go(self, other: bytes, kept: Kept) -> None:
        del self._threads[other][kept.id]
        if not self._threads[other]:
            del self._threads[other]
        self._state.journal.delete(MESSAGE + kept.id)

    def _mark(self, some: list[tuple[bytes, Kept]]) -> int:
        """How many of these were new, and are not any more."""
        new = [(other, kept) for other, kept in some if kept.state is MessageState.NEW]
        for other, kept in new:
            self._keep(other, replace(kept, state=MessageState.READ))
        return len(new)

    def _has(self, other: bytes, id_: bytes) -> bool:
        return id_ in self._threads.get(other, {})

    def _exchange_of(self, kept: Kept, other: bytes) -> bytes:
        """Which exchange a message is about: one of ours with who wrote it; else empty, whatever it says."""
        about = b"" if kept.body is None else kept.body.exchange
        held = self._exchanges.held.get(about)
        if held is None:
            return about if about and self._state.journal.get(PUT_AWAY + about) is not None else b""
        return about if other in _people(held) else b""

    def _named(self, args: SomeMessages) -> list[tuple[bytes, Kept]]:
        whose = None if args.peer is None else self._whose(args.peer)
        return self._some(whose, None if args.exchange is None else self._exchanges.find(args.exchange).id)

    def _whose(self, text: str) -> bytes:
        """What stays of somebody of whom no profile is kept any more is found by the author id that its rows show."""
        gone = next((other for other in self._threads if other.hex() == text), None)
        return self._state.directory.resolve(text) if gone is None else gone

    def _some(self, whose: bytes | None = None, about: bytes | None = None) -> list[tuple[bytes, Kept]]:
        """What is not erased: with whom, about which exchange; about: empty for none; None for all."""
        return [
            (other, kept)
            for other, thread in self._threads.items()
            for kept in thread.values()
            if kept.body is not None and whose in (None, other) and about in (None, self._exchange_of(kept, other))
        ]

    def _find(self, text: str) -> tuple[bytes, Kept]:
        found = [one for one in self._some() if one[1].id.hex().startswith(text.lower())]
        if len(found) > 1:
            raise Refusal("conflict", f"{text} could be several messages", "Give more of the id.")
        if not found:
            raise Refusal("not_found", f"no message {text}", "`p2pnode message list` shows all.")
        return found[0]

    def _row(self, other: bytes, kept: Kept) -> dict[str, Any]:
        body, directory = kept.body, self._state.directory
        assert body is not None
        mine = body.author == self._state.me
        box, _ = self._sealed.get(kept.id, (b"", b""))
        return {
            "id": kept.id.hex(),
            "from": directory.peer_id(body.author),
            "from_name": "you" if mine else directory.name(other),
            "to": directory.peer_id(body.to),
            "to_name": directory.name(other) if mine else "you",
            "at": body.at,
            "text": body.text,
            "state": kept.state.value,
            "why": kept.why or None,
            "undeliverable": BEYOND if box and self._outbox.is_beyond(box) else None,
            "exchange_id": self._exchange_of(kept, other).hex() or None,
            "network": body.network.hex(),
            "stranger": not mine and self._is_stranger(other),
        }

    def _say(self, other: bytes, kept: Kept) -> None:
        assert kept.body is not None
        peer, name = self._state.directory.peer_id(other), self._state.directory.name(other)
        about = self._exchange_of(kept, other).hex() or None
        said = {"id": kept.id.hex(), "state": kept.state.value, "peer_id": peer, "name": name, "exchange_id": about}
        self._state.journal.out(Emit("message", said))


def _people(held: Held) -> tuple[bytes, ...]:
    """Who has to do with an exchange, by the newest terms that were looked at here."""
    terms = held.first if held.seen is None else held.seen.view.terms
    return (*terms.parties, terms.mediator)


def _order(kept: Kept) -> tuple[int, bytes]:
    """By when it was written, as its author says."""
    return kept.came if kept.body is None else kept.body.at, kept.id
