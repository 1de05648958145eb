"""The node's log: one JSON object a line, to node.log (turned over at 5 MB, three kept) or stderr.

Keys, passphrases, backup words and invite links never belong in it; a processor blanks fields that could hold them, so
that a careless call shows `***`.
"""

import logging
import logging.handlers
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
MAX_LOG = 5 * 1024 * 1024
KEPT_LOGS = 3
_SECRET = ("seed", "secret", "passphrase", "password", "words", "entropy", "mnemonic", "private", "token", "link")
_BYTES_SHOWN = 8


def open_log(level: str = "info", path: Path | None = None) -> structlog.typing.FilteringBoundLogger:
    """Set up the log of this process and return its root. path: None for stderr.

    Libraries that use the standard `logging` end up in the same place, from warnings upwards.
    """
    handler: logging.Handler
    if path is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        path.touch(mode=0o600, exist_ok=True)
        handler = _File(path, maxBytes=MAX_LOG, backupCount=KEPT_LOGS - 1)
    number = LEVELS[level]
    before: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        _blank_secrets,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *before],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=_show),
            ],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(old)
            old.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("p2pnode").setLevel(number)
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger("p2pnode")
    return log


class _File(logging.handlers.RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk takes no line; that must not fill the terminal with tracebacks. `status` tells of the disk."""


def _blank_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in event:
        if any(word in key.lower() for word in _SECRET):
            event[key] = "***"
    return event


def _show(value: Any) -> str:
    if isinstance(value, bytes):
        return value[:_BYTES_SHOWN].hex() + ("…" if len(value) > _BYTES_SHOWN else "")
    return repr(value)
