"""`init`: make a node; found a network or note one to join. Works without a daemon."""

import sys
from pathlib import Path
from typing import Any

import click

from protocols.errors import Refusal

from .areas import looked_up, told
from .command import Command, with_session
from .output import Unwritable, facts, note, say
from .session import Session


@click.command(
    cls=Command,
    example='p2pnode init --name Ann --area u33db --new-network "Elm Street" --unit hour\n'
    "p2pnode init --name Bob --join p2pnode://join/…",
)
@click.option("--name", help="How neighbours see you.")
@click.option("--area", help="The name of a place, 'lat,lon', geohash or plus code; cut to a few kilometres at once.")
@click.option("--new-network", metavar="NAME", help="Found a network.")
@click.option("--unit", help="Its unit of mutual credit, such as hour.")
@click.option("--decimals", type=click.IntRange(0, 6), help="Decimals of the unit.  [2]")
@click.option("--newcomer-limit", metavar="X", help="Credit that an invite carries, in the unit.  [10]")
@click.option("--endowment", metavar="X", help="Your own credit limit as the founder, in the unit.  [100]")
@click.option("--closed", is_flag=True, help="Nobody joins without an invite.")
@click.option(
    "--newcomer-records",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="All whom nobody has let in or vouched for may fill N listings of a cell together. Nodes from before this "
    "option cannot join such a network.",
)
@click.option(
    "--dimension",
    "dimensions",
    multiple=True,
    metavar="NAME",
    help="What people may rate besides the outcome, such as punctual; up to 8 times. Nodes from before this option "
    "cannot join such a network.",
)
@click.option("--join", "target", metavar="TARGET", help="Join by a peer's address or an invite link.")
@click.option("--listen", multiple=True, metavar="MULTIADDR", help="Where to listen, such as /ip4/0.0.0.0/tcp/4001.")
@click.option("--profile", type=click.Choice(["home", "pi", "server", "test"]), default="home", show_default=True)
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Seal the keystore with its first line.")
@with_session
def init(
    session: Session,
    name: str | None,
    area: str | None,
    new_network: str | None,
    unit: str | None,
    target: str | None,
    listen: tuple[str, ...],
    profile: str,
    passphrase_file: Path | None,
    **terms: Any,
) -> None:
    """Make a node here; found or join a network.

    On a terminal, and without options, it asks for what it needs. Prints 24 backup words once: they alone can replace
    your key. An identity that is there is never overwritten; a node that has one can found or join a further network.
    """
    from p2pnode.home.founding import NetworkPlan, check_set_up, set_up

    given = {key: value for key, value in terms.items() if value is not None and value is not False and value != ()}
    if new_network is None and (unit is not None or given):
        raise click.UsageError(
            "--unit, --decimals, --newcomer-limit, --newcomer-records, --dimension, --endowment and --closed need "
            "--new-network NAME"
        )
    if new_network is not None and target is not None:
        raise click.UsageError("--new-network or --join, not both")
    if new_network is not None and unit is None:
        raise click.UsageError("--new-network needs --unit, such as --unit hour")
    home = session.folder()
    asks = name is None and not home.initialised and sys.stdin.isatty() and not (session.no_input or session.json)
    wizard = asks and not (area or new_network or target or listen or session.dry_run)
    if asks:
        name = click.prompt("Your name, as neighbours see it")
    if wizard:
        from .wizard import ask_area, ask_network

        area = ask_area()
        new_network, unit, target = ask_network()
    typed = area
    if area:
        area = looked_up(area)
    plan = None
    if new_network is not None and unit is not None:
        given["open"] = not given.pop("closed", False)
        plan = NetworkPlan(new_network, unit, **given)
    if session.dry_run:
        cell = check_set_up(home, area, plan, target, listen)
        wanted = {"home": str(home.root), "identity": not home.initialised, "name": name, "area": cell or None,
                  "new_network": new_network, "join": target}  # fmt: skip
        return session.emit({"dry_run": True, "command": "init", "args": wanted}, lambda: _print_dry(wanted))
    founds, joins, running = new_network is not None, target is not None, home.in_use()

    def show(data: dict[str, Any]) -> None:
        try:
            session.emit(data, lambda: _print(session, data, typed, founds, joins, running or wizard))
            sys.stdout.flush()
            if wizard:
                from .wizard import ask_words_back

                ask_words_back(data["words"].split())
        except (OSError, Unwritable) as e:
            if "words" not in data:
                raise
            why = e.message if isinstance(e, Unwritable) else f"Cannot write to stdout: {e.strerror}"
            raise Refusal(
                "failed",
                f"{why}. So nobody has seen the backup words, and no node was made",
                "Give the command again where its output can be read",
            ) from e

    data = set_up(home, name, area, plan, target, listen, profile, passphrase_file, show)
    if wizard:
        note("Next:  p2pnode run      starts the node; leave it running, and in another terminal:")
        note("       p2pnode web      shows its page in your browser; or all by commands:")
        note('       p2pnode offer publish --kind lend --title "Ladder, 6 m"')
    if not (founds or joins or "words" in data):
        note("There is a node here already; nothing was changed.")
    elif running:
        note("The node is running: stop it and start it again, and it takes this up.")


def _print_dry(wanted: dict[str, Any]) -> None:
    what = "make an identity in" if wanted["identity"] else "leave the identity as it is in"
    note(f"Would {what} {wanted['home']}.")
    if wanted["new_network"]:
        note(f"Would found {wanted['new_network']} at the next start.")
    if wanted["join"]:
        note(f"Would join {wanted['join']} at the next start.")
    note("Nothing was done.")


def _print(
    session: Session, data: dict[str, Any], typed: str | None, founded: bool, joins: bool, next_told: bool
) -> None:
    network = data["network"] or {}
    none = "none yet" if "words" in data else None  # a node that was there before may be in one
    facts(
        [
            ("name", data["name"]),
            ("peer id", data["peer_id"]),
            ("home", data["home"]),
            ("area", told(data["area"]) if data["area"] and typed not in (None, data["area"]) else data["area"]),
            ("network", network.get("name") if founded else "joined at the next start" if joins else none),
        ],
        session.plain,
    )
    if "words" in data:
        words = data["words"].split()
        say()
        say("Backup words. Write them on paper, now: they are shown once and kept nowhere.")
        say()
        for row in range(0, len(words), 6):
            say("  " + "".join(f"{row + i + 1:2}. {word:<10}" for i, word in enumerate(words[row : row + 6])).rstrip())
        say()
    if not next_told:
        say("Start the node:  p2pnode run")
    if none and not founded and not joins:
        say('Start a network: p2pnode init --new-network "Elm Street" --unit hour')
        say("Or join one:     p2pnode join ADDRESS-OR-LINK")
