"""This node as a witness of other people's payments: one decision for each payer and deal, the first, for ever.

What it decides is an entry of its own ledger (WITNESS), so that a store that was put back or lost its end is noticed
as every other loss is: nothing is decided while it is in doubt whether the chain is whole. When that is certain again,
some decisions may still be unknown here. So from then on nothing is decided about a proposal that could have been
decided on before: none dated up to the floor, which is then raised above all that was ever weighed
(`ledger.witnessing.weighable`).
"""

from ledger.chain import next_at
from ledger.entry import Entry, settlement_of
from ledger.payloads import Settlement
from ledger.tokens import Token, parse_token, sign_token
from ledger.witnessing import Ask, Verdict, decide, decode_verdict, encode_verdict, place, weigh, weighable
from p2pnode.bounds import MAX_VERDICTS, MAX_VERDICTS_OF_ONE, VERDICT_KEPT
from protocols import exchange_messages as messages
from protocols.codec import decode, encode
from protocols.errors import Ignore, Reject
from protocols.limits import HOUR, MAX_SKEW

from .effects import Send
from .keys import VERDICT, WEIGHED
from .state import Network, State

KIND = "WITNESS"


class Witnesses:
    def __init__(self, state: State) -> None:
        self._state = state
        self._kept = sum(1 for _ in state.journal.scan(VERDICT))
        self._forget_at = 0

    def concerns(self, entry: Entry) -> bool:
        """Whether this entry of a payment is sent to a witness, and not to a party."""
        said = settlement_of(entry)
        return (
            entry.kind in ("PAY_ACCEPT", "PAY_CANCELREQ") and said is not None and said.counterparty != self._state.me
        )

    def asked(self, peer: str, network: Network, entry: Entry, now: int) -> None:
        """A payee that has accepted, or a payer that wants to cancel, asks what we decide. Asked again, we repeat it.

        The entry's signature has been verified. `Ignore`, `Reject`.
        """
        key = VERDICT + b"".join(place(entry))
        stored = self._state.journal.get(key)
        found = weigh(decode_verdict(stored) if stored else None, entry, self._state.me, self._state.sent_key)
        if isinstance(found, Ask):
            verdict = self._decide(network, found, now)
            self._store(verdict)
            self._kept += 1
            for author in (verdict.payer, verdict.payee):
                for each in self._state.directory.peers_of(author):
                    if each != peer and each in self._state.connected:
                        self._tell(each, verdict, author)
        else:
            verdict = self._renewed(found)
            if verdict != found:
                self._store(verdict)
        self._tell(peer, verdict, entry.author)

    def restored(self, entry: Entry) -> None:
        """A WITNESS entry of our own chain is back: with its payload, we know what we decided."""
        said = settlement_of(entry)
        try:
            token = parse_token(said.half) if said is not None else None
        except Reject:
            return
        if said is None or token is None:
            return
        verdict = Verdict(
            token.network, said.counterparty, bytes(32), token.deal, token.proposal, token.wire, entry.at + MAX_SKEW
        )
        if self._state.journal.get(_key(verdict)) is None:
            self._store(verdict)
            self._kept += 1

    def whole(self, network: Network, now: int) -> None:
        """It was in doubt whether all that we signed is here. Whatever we may have decided until now is left alone."""
        self._raise(network, next_at(network.chain.state, now) + MAX_SKEW)

    def forget(self, now: int) -> None:
        """Drop decisions of long ago. The floor goes above them, so that they cannot be asked for anew."""
        if now < self._forget_at:
            return
        self._forget_at = now + HOUR
        for key, stored in self._state.journal.scan(VERDICT):
            verdict = decode_verdict(stored)
            network = self._state.networks.get(verdict.network)
            decided_at = parse_token(verdict.token).at  # by our clock; `began` is the payer's word
            if network is not None and decided_at < now - VERDICT_KEPT:
                self._raise(network, verdict.began)
                self._state.journal.delete(key)
                self._kept -= 1

    def _decide(self, network: Network, ask: Ask, now: int) -> Verdict:
        """A decision, signed in our ledger; or `Ignore`, before anything is changed."""
        if not self._state.settings.witness:
            raise Ignore("state", "this node is no witness")
        if not network.chain.ready:
            raise Ignore("state", "nothing is signed now; it will be asked again")
        weighable(ask, next_at(network.chain.state, now), self._floor(network))
        self._check_room(network, ask)
        token = self._sign(ask, next_at(network.chain.state, now))
        verdict = decide(ask, token)
        said = Settlement(counterparty=ask.payer, amount=0, deal=ask.deal, half=token.wire)
        network.chain.append(KIND, said, None, now)
        return verdict

    def _check_room(self, network: Network, ask: Ask) -> None:
        """`Ignore` strangers, and who asks too much."""
        member = network.member(ask.payer)
        if not member and not (network.genesis.open and self._state.directory.profile(ask.payer) is not None):
            raise Ignore("context", "not somebody of this network, as far as is known here")
        if self._kept >= (MAX_VERDICTS if member else MAX_VERDICTS // 4):
            raise Ignore("quota", "no more decisions are kept")
        if len(self._state.journal.scan(VERDICT + network.id + ask.payer)) >= MAX_VERDICTS_OF_ONE:
            raise Ignore("quota", "no more decisions are kept for this payer")

    def _sign(self, ask: Ask, at: int) -> Token:
        return sign_token(self._state.signer, ask.network, ask.deal, ask.proposal, ask.decision, at)

    def _renewed(self, verdict: Verdict) -> Verdict:
        """The same decision, with our newest key: one that was replaced counts no longer where that is known."""
        old = parse_token(verdict.token)
        if old.epoch >= self._state.signer.epoch:
            return verdict
        token = sign_token(self._state.signer, old.network, old.deal, old.proposal, old.decision, old.at)
        return Verdict(
            verdict.network,
            verdict.payer,
            verdict.payee,
            verdict.deal,
            verdict.proposal,
            token.wire,
            verdict.began,
            verdict.acceptance,
        )

    def _tell(self, peer: str, verdict: Verdict, author: bytes) -> None:
        """To the payer with the acceptance, which may not have reached it: with that it can pay."""
        said: list[messages.Message] = [messages.TokenMessage(verdict.network, verdict.token)]
        if author == verdict.payer and verdict.acceptance:
            said.insert(0, messages.EntryMessage(verdict.network, verdict.acceptance))
        for message in said:
            self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(message)))

    def _store(self, verdict: Verdict) -> None:
        self._state.journal.put(_key(verdict), encode_verdict(verdict))

    def _floor(self, network: Network) -> int:
        stored = self._state.journal.get(WEIGHED + network.id)
        return int(decode(stored)) if stored else -1

    def _raise(self, network: Network, floor: int) -> None:
        if floor > self._floor(network):
            self._state.journal.put(WEIGHED + network.id, encode(floor))


def _key(verdict: Verdict) -> bytes:
    return VERDICT + verdict.network + verdict.payer + verdict.deal
