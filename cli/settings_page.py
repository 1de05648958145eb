"""docs/settings.md from the table of settings: python -m cli.settings_page > docs/settings.md"""

import click

from p2pnode.home.config import PROFILES, SETTINGS, Config
from p2pnode.home.settings import PROFILE_WORDS, possible_values

from .config import shown

HEAD = """# Settings

Made by `python -m cli.settings_page > docs/settings.md`; do not edit by hand.

They stand in `config.toml` in the home folder (`p2pnode paths`). Above the file goes the environment of the node
(`P2PNODE_NAME` and so on; several addresses separated by commas), below it the profile, and below that the default.
The node reads them when it starts.

    p2pnode config list                        what is in force, and where it stands
    p2pnode config get max_peers
    p2pnode config set max_peers 32            --dry-run shows what would change in the file
    p2pnode config set listen /ip4/0.0.0.0/tcp/4002 /ip6/::/tcp/4002
    p2pnode config unset max_peers             as the profile has it
    p2pnode config profile pi                  another profile; without a name, what there is
    p2pnode config edit                        in your editor

Nothing is written that the node could not use, and comments stay. With `--json`, what changes the file gives `file`,
`changed` (the settings that have another value now), `diff`, `restart` (whether a node runs that has not read it) and
`dry_run`. The environment that `list` and `get` look at is that of your shell; a service has its own.

| setting | meaning | may be | default |
|---|---|---|---|"""

PROFILES_HEAD = """
## Profiles

A profile is a set of defaults. What stands in the file goes above it, also where `init` has written it (`listen`).

| profile | for | sets |
|---|---|---|"""


def settings_page() -> str:
    """The whole document."""
    plain = Config()
    rows = [
        f"| `{name}` | {meaning} | {possible_values(name)} | {_code(shown(getattr(plain, name)))} |"
        for name, meaning in SETTINGS.items()
    ]
    profiles = []
    for name, values in PROFILES.items():
        sets = ", ".join(f"`{key} {shown(value)}`" for key, value in values.items())
        profiles.append(f"| `{name}` | {PROFILE_WORDS[name]} | {sets} |")
    return "\n".join([HEAD, *rows, PROFILES_HEAD, *profiles]) + "\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else "nothing"


if __name__ == "__main__":
    click.echo(settings_page(), nl=False)
