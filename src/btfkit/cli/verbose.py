"""`-v` and `-vv`: the log of the library (`btfkit.log`) on standard error."""

from __future__ import annotations

import logging
import sys

from btfkit import log
from btfkit.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    _Stream = logging.StreamHandler[TextIO]
else:
    _Stream = logging.StreamHandler


class _Handler(_Stream):
    """Writes to what is standard error at that moment: progress replaces it while its line is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; one that cannot be written is lost."""
        self.stream = sys.stderr
        super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, safe for a terminal."""
        return f"btfkit: {record.levelname.lower()}: {printable(record.getMessage())}"

    def handleError(self, record: logging.LogRecord) -> None:
        """Ignore that standard error cannot be written."""


def report(level: int) -> None:
    """Report on standard error what the library logs: 0 nothing, 1 INFO, 2 DEBUG as well."""
    logger = logging.getLogger(log.NAME)
    for handler in [*logger.handlers]:
        if isinstance(handler, _Handler):
            logger.removeHandler(handler)
    if level:
        logger.addHandler(_Handler())
    logger.setLevel(logging.NOTSET if not level else logging.INFO if level == 1 else logging.DEBUG)
