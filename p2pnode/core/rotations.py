"""Keys that were replaced: how the newest known one of an author is stored, and how our own are made known."""

from protocols.codec import decode, encode
from protocols.envelope import seal
from protocols.identity import KeyState, Turn
from protocols.limits import DURABLE_LIFETIME
from protocols.rotation import KIND, rotation_name

from .keys import KEY_STATE
from .state import Network, State


def encode_key_state(state: KeyState, seq: int) -> bytes:
    """seq: last entry of the author's chain that the key before may have signed."""
    return encode([*state, seq])


def decode_key_state(data: bytes) -> tuple[KeyState, int]:
    epoch, key, next_hash, seq = decode(data)
    return KeyState(epoch, key, next_hash), seq


def load_key_states(state: State) -> None:
    """Put into `state` what is stored of the keys of authors that have rotated."""
    for key, value in state.journal.scan(KEY_STATE):
        author = key[len(KEY_STATE) :]
        state.key_states[author], state.rotated_at[author] = decode_key_state(value)


def publish_turns(state: State, network: Network, turns: tuple[Turn, ...], now: int) -> None:
    """Make known in a network what has replaced our key, as far as that is not known there. Not while entries of ours
    may be missing: the record names the last one that the key before has signed."""
    for signer, next_hash in turns:
        name = rotation_name(signer.epoch)
        if network.catalog.get((state.me, KIND, name)) is not None:
            continue
        if not network.chain.ready:
            return
        said = {"key": signer.public_key, "next_hash": next_hash, "seq": network.chain.state.count - 1}
        record = seal(
            signer,
            network=network.id,
            kind=KIND,
            name=name,
            created=now,
            until=now + DURABLE_LIFETIME,
            payload=encode(said),
        )
        state.publish(network, record, now)
