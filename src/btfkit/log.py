"""What btfkit reports through `logging`: one logger, "btfkit", silent unless a program asks for it.

    import logging
    logging.basicConfig(level=logging.INFO)

INFO names the files that are opened and written, the base that is chosen, what is skipped, and what is not made again because
nothing has changed; DEBUG the steps between: files that are tried, decompressors, workers.  Errors are raised, not logged.

A program that has not imported `logging` cannot have asked for it, so nothing here imports it: that takes 5 ms.
"""

from __future__ import annotations

import sys

NAME = "btfkit"
_DEBUG, _INFO = 10, 20  # as `logging` has them


def info(text: str, *values: object) -> None:
    """Log `text % values` at level INFO."""
    if "logging" in sys.modules:
        _log(_INFO, text, values)


def debug(text: str, *values: object) -> None:
    """Log `text % values` at level DEBUG."""
    if "logging" in sys.modules:
        _log(_DEBUG, text, values)


def _log(level: int, text: str, values: tuple[object, ...]) -> None:
    from logging import NullHandler, getLogger

    logger = getLogger(NAME)
    if not logger.handlers:
        logger.addHandler(NullHandler())
    if logger.isEnabledFor(level):
        logger.log(level, text, *values, stacklevel=3)
