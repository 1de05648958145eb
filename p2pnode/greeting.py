"""What a node says on a terminal when it is ready: how others reach it, and what one would do next. Pure."""

from collections.abc import Sequence

from p2pnode.net.addresses import BadAddress, parse_address

LAST_LINE = "Ctrl-C stops the node."


def address_to_give(addresses: Sequence[str]) -> str:
    """Of a node's addresses the one that a neighbour most likely can dial: IPv4 first; of this machine only the last
    resort. Empty if there is none."""

    def rank(text: str) -> tuple[bool, bool]:
        try:
            address = parse_address(text)
        except BadAddress:
            return True, True
        return is_local(text), address.kind == "ip6"

    return min(addresses, key=rank, default="")


def is_local(address: str) -> bool:
    """Only programs on this machine can dial it."""
    return address.startswith(("/ip4/127.", "/ip6/::1/"))


def greeting(
    command: str,
    name: str,
    network: str,
    addresses: Sequence[str],
    own_listings: int,
    alone: bool = False,
    joining: bool = False,
) -> list[str]:
    """The lines after `ready`. command: how the program is called here; network: its name, or empty. alone: nobody
    else is known in it; joining: whoever is to let it in has not answered yet."""
    publish = f'{command} offer publish --kind lend --title "Long ladder"'
    if not network and joining:
        lines = [
            f"{name}, this node is joining a network, and goes on until it is in. Meanwhile, in another window:",
            *_steps((f"{command} status", "how far it is"), (publish, "publish: a draft until then")),
        ]
    elif not network:
        lines = [
            f"{name}, this node is in no network yet. Next, in another window:",
            *_steps(
                (f"{command} join ADDRESS-OR-LINK", "join the network of a neighbour"),
                (f'{command} init --new-network "Elm Street" --unit hour', "start one; then start the node again"),
                (publish, "publish: a draft until then"),
            ),
        ]
    else:
        give = address_to_give(addresses)
        beyond = "" if not is_local(give) else "  (on this machine only)"
        lines = [f"In {network} as {name}. Neighbours join with:", f"  {command} join {give}{beyond}"]
        if not own_listings:
            lines += [
                "Next, in another window:",
                *_steps(
                    (f"{command} invite", "a link for a newcomer, with some credit"),
                    (f"{command} search", "what is offered"),
                    (publish, "offer something"),
                ),
            ]
        elif alone:
            lines += [
                "Nobody else is in it yet. Next, in another window:",
                *_steps((f"{command} invite", "a link for a newcomer, with some credit")),
            ]
    return [*lines, LAST_LINE]


def _steps(*steps: tuple[str, str]) -> list[str]:
    width = max(len(command) for command, _ in steps)
    return [f"  {command.ljust(width)}  {what}" for command, what in steps]
