"""`service`: have systemd start the node, keep it running, and start it anew when it hangs."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from p2pnode.home.folder import Home
from protocols.errors import Refusal

from .command import Group, with_session
from .output import facts, note, say
from .session import Session
from .unit import MARK, MEMORY, NAME, SYSTEM_HOME, SYSTEM_STATE, SYSTEM_USER, SYSUSERS, Plan, home_line, unit_text

SYSTEMD = Path("/run/systemd/system")  # there while systemd runs the machine (sd_booted(3))
SYSTEM_UNITS = Path("/etc/systemd/system")
SYSUSERS_FILE = Path("/etc/sysusers.d/p2pnode.conf")
ANSWER_WITHIN = 60.0  # seconds, of systemctl
SHOWN = ("LoadState", "ActiveState", "SubState", "UnitFileState", "StatusText", "ExecMainStartTimestamp", "NRestarts")


@click.group(cls=Group, example="p2pnode service install\np2pnode service status")
def service() -> None:
    """Start the node with the machine, and keep it running, by systemd.

    A unit of your own user unless --system: it starts when you log in, or with the machine once that is allowed
    (loginctl enable-linger).
    """


def _system(function: Any) -> Any:
    return click.option(
        "--system", is_flag=True, help="A service of the whole machine, with a user of its own (root)."
    )(function)


@service.command(example="p2pnode service install --dry-run\nsudo p2pnode service install --system")
@_system
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Opens a sealed keystore, at every start.")
@click.option(
    "--writable",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A further folder that the node may write in, such as that of your backups.",
)
@click.option("--unconfined", is_flag=True, help="Without what needs namespaces, where the system forbids you those.")
@with_session
def install(
    session: Session, system: bool, passphrase_file: Path | None, writable: tuple[Path, ...], unconfined: bool
) -> None:
    """Write the unit, have it start with the machine, and start it now.

    The node is locked in: it may write where its folder lies and in --writable, sees a /tmp of its own, and has a bound
    on memory by its profile. --dry-run prints the unit and what would be typed; it does so without systemd, too.
    """
    plan = replace(_plan(session, system, passphrase_file, writable), confined=system or not unconfined)
    text, target, steps = unit_text(plan), _target(system), _steps(system)
    data: dict[str, Any] = {"unit": str(target), "text": text, "commands": [" ".join(step) for step in steps]}
    if session.dry_run:
        session.emit({"dry_run": True, **data}, lambda: _print_dry(data))
        return
    _needs_systemd(plan)
    if system and os.geteuid() != 0:
        raise Refusal(
            "refused", "A service of the whole machine is root's to install", "sudo p2pnode service install --system"
        )
    _ours(target)
    home = Home(plan.home)
    if not system:
        home.require()
    if home.in_use() and not _running(system):
        raise Refusal("conflict", f"A node runs in {plan.home} already", "Stop it (Ctrl-C where it runs), then install")
    if system:
        SYSUSERS_FILE.parent.mkdir(parents=True, exist_ok=True)
        SYSUSERS_FILE.write_text(SYSUSERS)
    else:
        (plan.state / "p2pnode").mkdir(mode=0o700, parents=True, exist_ok=True)  # what is bound must be there
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(0o644)
    for step in steps:
        _do(step)
    data["linger"] = None if system else _linger()
    session.emit(data, lambda: _print_installed(session, data, plan))


@service.command(example="p2pnode service uninstall")
@_system
@with_session
def uninstall(session: Session, system: bool) -> None:
    """Stop the node and take the unit away. Its folder stays as it is."""
    target = _target(system)
    steps = [[*_systemctl(system), "disable", "--now", NAME], [*_systemctl(system), "daemon-reload"]]
    data = {"unit": str(target), "commands": [" ".join(step) for step in steps], "removed": target.exists()}
    if session.dry_run:
        session.emit(
            {"dry_run": True, **data}, lambda: note(f"Would stop {NAME} and remove {target}. Nothing was done.")
        )
        return
    if not target.exists():
        raise Refusal(
            "not_found", f"There is no unit {target}", "p2pnode service status" + (" --system" if system else "")
        )
    _ours(target)
    if SYSTEMD.is_dir():
        _do(steps[0])
    target.unlink()
    if SYSTEMD.is_dir():
        _do(steps[1])
    session.emit(data, lambda: say(f"{target} is gone; the node is stopped, and its folder stays."))


@service.command(example="p2pnode service status --json")
@_system
@with_session
def status(session: Session, system: bool) -> None:
    """Whether the service is installed, runs, and starts with the machine."""
    target, shown = _target(system), _shown(system)
    data = {
        "unit": str(target),
        "installed": target.exists(),
        "systemd": SYSTEMD.is_dir(),
        "active": shown.get("ActiveState"),
        "enabled": shown.get("UnitFileState") or None,
        "since": shown.get("ExecMainStartTimestamp") or None,
        "restarts": int(shown["NRestarts"]) if shown.get("NRestarts", "").isdecimal() else None,
        "text": shown.get("StatusText") or None,
        "linger": None if system else _linger(),
    }
    session.emit(data, lambda: _print_status(session, data))


@service.command(example="p2pnode service logs")
@_system
@with_session
def logs(session: Session, system: bool) -> None:
    """Where the service's messages are, and how to read them."""
    home = Path(SYSTEM_HOME) if system else session.folder().root
    commands = [
        f"journalctl {'' if system else '--user '}-u p2pnode -n 50",
        f"journalctl {'' if system else '--user '}-u p2pnode -f",
    ]
    data = {"commands": commands, "log": str(home / "node.log")}
    session.emit(data, lambda: _print_logs(data))


def _plan(session: Session, system: bool, passphrase_file: Path | None, writable: tuple[Path, ...]) -> Plan:
    home = Path(session.home).expanduser() if session.home and system else Path(SYSTEM_HOME)
    if not system:
        home = session.folder().root
    more = tuple(Path(os.path.abspath(folder.expanduser())) for folder in writable)
    for folder in more:
        if not folder.is_dir():
            raise Refusal("not_found", f"There is no folder {folder}", "Make it first")
    secret = None if passphrase_file is None else Path(os.path.abspath(passphrase_file.expanduser()))
    if secret is not None and not secret.is_file():
        raise Refusal("not_found", f"There is no file {secret}", "Name the file that holds the passphrase")
    program = _program()
    if system and program[0].startswith(("/home/", "/root/")):
        raise Refusal(
            "refused",
            f"{program[0]} lies in somebody's home, which a service of the whole machine does not see",
            "Install the program under /opt, or without --system as a service of your own",
        )
    state = Path(SYSTEM_STATE) if system else _state_home()
    return Plan(program, home, state, system, secret, more, MEMORY[_profile(home)])


def _program() -> tuple[str, ...]:
    """How this program is called from anywhere."""
    beside = Path(sys.executable).parent / "p2pnode"
    typed = Path(sys.argv[0])
    for found in (typed if typed.name == "p2pnode" else None, beside, shutil.which("p2pnode")):
        if found is not None and os.access(found, os.X_OK):
            return (os.path.abspath(found),)
    raise Refusal("failed", "The program p2pnode is not installed here", "make run once, or pip install the package")


def _profile(home: Path) -> str:
    from p2pnode.home.config import load_config

    found = Home(home)
    try:
        return load_config(found)[0].profile if found.config.is_file() else "home"
    except OSError:
        return "home"


def _state_home() -> Path:
    given = os.environ.get("XDG_STATE_HOME", "")
    return Path(given) if given.startswith("/") else Path.home() / ".local/state"


def _target(system: bool) -> Path:
    if system:
        return SYSTEM_UNITS / NAME
    given = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".config") / "systemd/user" / NAME


def _ours(target: Path) -> None:
    if target.exists() and not target.read_text(errors="replace").startswith(MARK):
        raise Refusal("conflict", f"{target} is there, and not of this program's making", "Move it away first")


def _systemctl(system: bool) -> list[str]:
    return ["systemctl"] if system else ["systemctl", "--user"]


def _steps(system: bool) -> list[list[str]]:
    """What is typed once the unit is written."""
    users = [["systemd-sysusers", str(SYSUSERS_FILE)]] if system else []
    return [*users, [*_systemctl(system), "daemon-reload"], [*_systemctl(system), "enable", NAME],
            [*_systemctl(system), "restart", NAME]]  # fmt: skip


def _do(step: list[str]) -> None:
    try:
        done = subprocess.run(step, capture_output=True, text=True, timeout=ANSWER_WITHIN, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise Refusal("failed", f"{' '.join(step)}: {e}", "Type it yourself, and see what it says") from e
    if done.returncode != 0:
        why = (done.stderr or done.stdout).strip().splitlines()
        hint = "Type it yourself, and see what it says"
        if "--user" in step and any("bus" in line for line in why):
            hint = "Log in as that user (su and sudo are not enough: ssh, or machinectl shell), or use --system"
        elif step[-2] == "restart":
            hint = (
                f"See why: {' '.join(step[:-2])} status {NAME}. If 217/USER or 226/NAMESPACE: install it --unconfined"
            )
        raise Refusal("failed", f"{' '.join(step)}: {why[0] if why else f'exit status {done.returncode}'}", hint)


def start_for(home: Home) -> bool:
    """Start our user's service, if it is installed and its unit names this very folder. Is that so?"""
    target = _target(False)
    if not SYSTEMD.is_dir() or not target.is_file() or home_line(home.root) not in target.read_text().splitlines():
        return False
    _do([*_systemctl(False), "start", NAME])
    return True


def _shown(system: bool) -> dict[str, str]:
    """What systemd says of the unit; nothing where it does not run."""
    if not SYSTEMD.is_dir():
        return {}
    step = [*_systemctl(system), "show", NAME, *(f"--property={name}" for name in SHOWN)]
    try:
        done = subprocess.run(step, capture_output=True, text=True, timeout=ANSWER_WITHIN, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def _running(system: bool) -> bool:
    return _shown(system).get("ActiveState") in ("active", "activating", "reloading")


def _linger() -> bool | None:
    """Whether services of our user run while he is not logged in; None where nobody knows."""
    import pwd

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return None
    return Path("/var/lib/systemd/linger", name).exists() if SYSTEMD.is_dir() else None


def _needs_systemd(plan: Plan) -> None:
    if SYSTEMD.is_dir():
        return
    run = " ".join([*plan.program, "--home", str(plan.home), "run"])
    raise Refusal(
        "failed",
        "This machine is not run by systemd, so there is nobody to install a service with",
        f"With cron, type `crontab -e` and add the line: @reboot {run} (with runit: a file `run` with exec {run}). "
        "Neither starts a node anew that hangs",
    )


def _print_dry(data: dict[str, Any]) -> None:
    note(f"Would write {data['unit']}:")
    say(data["text"].rstrip())
    note("and then type:")
    for line in data["commands"]:
        note(f"  {line}")
    note("Nothing was done.")


def _print_installed(session: Session, data: dict[str, Any], plan: Plan) -> None:
    say(f"{data['unit']} is written, and the node started. It starts again by itself when it fails or hangs.")
    if plan.system:
        if not Home(plan.home).initialised:
            say(f"It has no identity yet:  sudo -u {SYSTEM_USER} {plan.program[0]} --home {plan.home} init --name NAME")
            say("Then start it:           sudo systemctl start p2pnode")
        say(f"Commands for it:         sudo -u {SYSTEM_USER} {plan.program[0]} --home {plan.home} status")
    elif not data["linger"]:
        say("It runs while you are logged in. To have it run from when the machine starts (a Raspberry Pi):")
        say("  sudo loginctl enable-linger $USER")
    say("How it is: p2pnode service status" + (" --system" if plan.system else ""))


def _print_status(session: Session, data: dict[str, Any]) -> None:
    linger = {True: "yes", False: "no: it runs while you are logged in (sudo loginctl enable-linger $USER)"}
    facts(
        [
            ("unit", data["unit"] if data["installed"] else f"none ({data['unit']})"),
            ("runs", data["active"] or ("not known: no systemd here" if not data["systemd"] else "no")),
            ("starts with the machine", data["enabled"]),
            ("without a login", linger.get(data["linger"])),
            ("since", data["since"]),
            ("started anew", data["restarts"] or None),
            ("says", data["text"]),
        ],
        session.plain,
    )
    if not data["installed"] and not session.plain:
        say("Next: p2pnode service install")


def _print_logs(data: dict[str, Any]) -> None:
    say(f"What it printed:  {data['commands'][0]}")
    say(f"As it comes:      {data['commands'][1]}")
    say(f"Its own log:      {data['log']}")
