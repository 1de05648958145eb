"""The three ways something can be turned down.

`Reject`: bytes that no honest peer sends; costs the peer who sent them.
`Ignore`: bytes that are of no use here and now; costs nobody anything.
`Refusal`: a command of our own user, or of a counterparty, that a rule forbids; says why and what to try.

Any other exception is a bug of ours.
"""

from typing import ClassVar


class Reject(ValueError):
    """Bytes that no honest peer sends.

    code: which rung of the validation ladder turned it down (`size`, `decode`, `field`, `context`,
    `age`, `signature`, `quota`, `state`).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class DecodeError(Reject):
    """These bytes are not the canonical encoding of anything we know."""

    def __init__(self, message: str, code: str = "decode") -> None:
        super().__init__(code, message)


class Ignore(Exception):
    """Of no use here and now: a duplicate, an older revision, another network, from the future."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message


class Refusal(Exception):
    """A rule forbids what was asked. `code` decides the exit status of the command line.

    field: which argument is to be mended, where one is.
    codes: `failed` 1 · `usage` 2 · `not_found` 3 · `no_daemon` 4 · `refused` 5 · `conflict` 6 · `unreachable` 7
    """

    EXIT: ClassVar[dict[str, int]] = {
        "failed": 1,
        "usage": 2,
        "not_found": 3,
        "no_daemon": 4,
        "refused": 5,
        "conflict": 6,
        "unreachable": 7,
    }

    def __init__(self, code: str, message: str, hint: str = "", field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.field = field

    def about(self, field: str) -> "Refusal":
        """The same, of one argument."""
        return Refusal(self.code, self.message, self.hint, field)

    @property
    def exit_status(self) -> int:
        return self.EXIT.get(self.code, 1)
