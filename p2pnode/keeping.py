"""Commands about files of the home folder that the core knows nothing of: settings, and whom to tell what happens."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import trio

from p2pnode.home.config import PROFILES, Config
from p2pnode.home.folder import Home
from p2pnode.home.settings import PROFILE_WORDS, setting_json, settings_in_force, with_values, write_change
from p2pnode.news.targets import (
    TRIAL,
    add_target,
    load_targets,
    not_sent,
    parse_quiet,
    save_targets,
    target_json,
    the_one,
)
from protocols.errors import Refusal

from .settings_arguments import AddTarget, ListSettings, ListTargets, RemoveTarget, SetSetting, TryTarget

Send = Callable[[str, str, str | None], Awaitable[Mapping[str, Any]]]
TITLE = "p2pnode"


class Keeping:
    """config: what the node was started with. send: a message, apart (`p2pnode.news.notifier.send_apart`)."""

    def __init__(self, home: Home, config: Config, send: Send) -> None:
        self._home, self._config, self._send = home, config, send
        self._changing = trio.Lock()  # a file is read and written by one at a time

    async def answer(
        self, args: ListSettings | SetSetting | ListTargets | AddTarget | RemoveTarget | TryTarget
    ) -> dict[str, Any]:
        """`Refusal`: usage with the field that is wrong, failed for a file that cannot be used."""
        async with self._changing:
            match args:
                case ListSettings():
                    return self._settings()
                case SetSetting():
                    return self._set(args)
                case ListTargets():
                    return {"targets": [target_json(target) for target in load_targets(self._home)]}
                case AddTarget():
                    return await self._add(args)
                case RemoveTarget():
                    return self._remove(args)
        target = the_one(load_targets(self._home), args.number)
        await self._sent(target.url, TRIAL)
        return {**target_json(target), "sent": True}

    def _settings(self) -> dict[str, Any]:
        rows = settings_in_force(self._home)
        chosen = next(row.value for row in rows if row.name == "profile")
        return {
            "file": str(self._home.config),
            "settings": [setting_json(row, getattr(self._config, row.name)) for row in rows],
            "profiles": [
                {"profile": name, "chosen": name == chosen, "about": PROFILE_WORDS[name], "settings": values}
                for name, values in PROFILES.items()
            ],
        }

    def _set(self, args: SetSetting) -> dict[str, Any]:
        try:
            change = with_values(self._home, {args.name: args.values})
        except Refusal as e:
            raise e.about("values") from e
        write_change(self._home, change)
        return {"file": str(self._home.config), "changed": list(change.names), "restart": bool(change.names)}

    async def _add(self, args: AddTarget) -> dict[str, Any]:
        targets = load_targets(self._home)
        url = args.url.strip()
        try:
            quiet = parse_quiet(args.quiet) if args.quiet else None
        except Refusal as e:
            raise e.about("quiet") from e
        target = add_target(targets, url, args.events, quiet, args.brief)
        await self._sent(url, None)
        save_targets(self._home, targets)
        return target_json(target)

    def _remove(self, args: RemoveTarget) -> dict[str, Any]:
        targets = load_targets(self._home)
        gone = the_one(targets, args.number)
        save_targets(self._home, [target for target in targets if target is not gone])
        return target_json(gone)

    async def _sent(self, url: str, body: str | None) -> None:
        answer = await self._send(url, TITLE, body)
        if not answer.get("sent"):
            raise not_sent(str(answer.get("why")), body is not None)
