"""What all tests share: `golden`, which compares a text with the file of that name in tests/golden."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden instead of comparing with it")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden("raw.txt", text)`: fails where the text is not that of tests/golden/raw.txt; --update-golden writes it."""

    def check(name: str, text: str) -> None:
        path = os.path.join(GOLDEN, name)
        if request.config.getoption("--update-golden"):
            with open(path, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        if not os.path.exists(path):
            pytest.fail(f"no {path}: run pytest --update-golden, and look at what it wrote")
        with open(path, encoding="utf-8", newline="\n") as file:
            assert text == file.read()

    return check
