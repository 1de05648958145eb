"""What a paired device may do."""

from collections.abc import AsyncIterator
from typing import Any

from p2pnode.api import NodePort
from p2pnode.commands import Args
from p2pnode.settings_arguments import SetSetting
from protocols.errors import Refusal

from .languages import N_

# What changes who may use the page, gives away what nobody but the owner of the machine should have, or would go on
# telling somebody what happens after the pairing has ended.
WITHHELD = frozenset({"backup", "web.login", "web.lan", "web.pair", "web.revoke", "notify.add"})
WITHHELD_SETTINGS = frozenset({"web", "web_lan", "lan", "profile"})  # a profile has a word on `lan`


class Narrow:
    """The node, for a paired device: all but what is withheld."""

    def __init__(self, port: NodePort) -> None:
        self._port = port

    async def call(self, name: str, args: Args, request_id: str | None) -> Any:
        if name in WITHHELD or (isinstance(args, SetSetting) and args.name in WITHHELD_SETTINGS):
            raise Refusal(
                "refused",
                N_("A paired device cannot do that"),
                N_("Do it on the machine on which the node runs, or in a browser there."),
            )
        return await self._port.call(name, args, request_id)

    def subscribe(self, after: str | None = None) -> AsyncIterator[dict[str, Any]]:
        return self._port.subscribe(after)

    def heard(self) -> str:
        return self._port.heard()

    async def metrics(self) -> tuple[bytes, str]:
        return await self._port.metrics()
