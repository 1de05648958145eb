"""The text of a systemd unit for the node. Pure: what it says is a function of the plan."""

from dataclasses import dataclass
from pathlib import Path

MARK = "# Made by `p2pnode service install`"
NAME = "p2pnode.service"
SYSTEM_HOME = "/var/lib/p2pnode/home"
SYSTEM_STATE = "/var/lib/p2pnode/state"
SYSTEM_USER = "p2pnode"
SYSUSERS = f'u {SYSTEM_USER} - "p2pnode, a neighbourhood marketplace" /var/lib/p2pnode\n'
MEMORY = {"home": "1G", "pi": "400M", "server": "2G", "test": "1G"}  # by profile; ten times what an idle node has
WATCHDOG = 180  # seconds: an old SD card may take one of them to sync

# By the kernel's filters and limits, which any process may set for itself.
_ALWAYS = """\
NoNewPrivileges=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
KeyringMode=private
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077
"""
_SYSTEM = """\
ProtectKernelLogs=yes
ProtectKernelTunables=yes
"""
# By namespaces. In a unit of a user PrivateUsers= makes the others possible: without it systemd 252 passes over some of
# them in silence, and ends with 218/CAPABILITIES at others.
_CONFINED = """\
PrivateUsers=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelModules=yes
ProtectProc=invisible
PrivateDevices=yes
PrivateTmp=yes
"""


@dataclass(frozen=True)
class Plan:
    """program: how p2pnode is called, absolute. home: the node's folder; state: where the marker of its chains lies,
    outside of it. system: a unit of the machine, with a user of its own, else one of our user. writable: further
    folders that the node may write in, for backups. memory: as MemoryMax= takes it. confined: with what needs
    namespaces, which not every machine lets a user have."""

    program: tuple[str, ...]
    home: Path
    state: Path
    system: bool = False
    passphrase_file: Path | None = None
    writable: tuple[Path, ...] = ()
    memory: str = MEMORY["home"]
    confined: bool = True


def home_line(home: Path) -> str:
    """The unit's line that says whose node it is."""
    return f"Environment={_word(f'P2PNODE_HOME={home}')}"


def unit_text(plan: Plan) -> str:
    """The whole file."""
    command = [*plan.program, "run"]
    if plan.passphrase_file is not None:
        command += ["--passphrase-file", str(plan.passphrase_file)]
    return "\n".join(
        [
            MARK,
            "# What is changed here is lost when that is typed again: systemctl edit keeps it in a file beside.",
            "[Unit]",
            "Description=p2pnode, a neighbourhood marketplace that nobody owns",
            *(["Wants=network-online.target", "After=network-online.target"] if plan.system else []),
            f"ConditionPathExists={str(plan.home / 'keystore.json').replace('%', '%%')}",  # no words here, so no quotes
            "StartLimitIntervalSec=0",
            "",
            "[Service]",
            "Type=notify",
            "NotifyAccess=main",
            "ExecStart=" + " ".join(_word(part, command=True) for part in command),
            home_line(plan.home),
            f"Environment={_word(f'XDG_STATE_HOME={plan.state}')}",
            f"WatchdogSec={WATCHDOG}",
            "TimeoutStartSec=15min",
            "TimeoutStopSec=10",
            "Restart=on-failure",
            "RestartSec=15",
            "# wrong usage, no identity, somebody else's folder, another node there: not mended by trying again",
            "RestartPreventExitStatus=2 4 5 6",
            f"MemoryMax={plan.memory}",
            "TasksMax=256",
            "LimitNOFILE=8192",
            "",
            *(_own_user() if plan.system else _RUNTIME),
            *(_folders(plan) if plan.confined else []),
            (_CONFINED if plan.confined else "") + (_SYSTEM if plan.system else "") + _ALWAYS,
            "[Install]",
            f"WantedBy={'multi-user' if plan.system else 'default'}.target",
            "",
        ]
    )


# For the control socket, where the path of the folder is too long for one.
_RUNTIME = ("RuntimeDirectory=p2pnode", "RuntimeDirectoryMode=0700")


def _own_user() -> list[str]:
    return [
        f"User={SYSTEM_USER}",
        f"Group={SYSTEM_USER}",
        "StateDirectory=p2pnode p2pnode/home p2pnode/state",
        "StateDirectoryMode=0700",
    ]


def _folders(plan: Plan) -> list[str]:
    """What the node may see of homes, and where it may write. The folder that its own lies in is one of them: there the
    node puts the whole copy that it makes before it mends a damaged folder, or brings an older one up to date."""
    if plan.system:
        return ["ProtectHome=yes", *(f"ReadWritePaths={_path(folder)}" for folder in plan.writable)]
    folders = (plan.home.parent, plan.state / "p2pnode", *plan.writable)
    return [
        "ProtectHome=read-only",
        *(f"ReadWritePaths={_path(folder)}" for folder in folders),
        "InaccessiblePaths=-%h/.ssh -%h/.gnupg -%h/.password-store",
    ]


def _word(text: str, command: bool = False) -> str:
    """One word of a unit file, quoted if need be (systemd.service(5)): `%` stands for itself, in a command `$` too."""
    text = text.replace("%", "%%")
    if command:
        text = text.replace("$", "$$")
    if all(c.isalnum() or c in "-_./:=@%,+$" for c in text) and text:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _path(path: Path) -> str:
    return _word(str(path))
