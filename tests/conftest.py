"""What all tests share: where modules come from, golden files, how hard Hypothesis tries, and what is said of skipped tests.

The tests run on whatever `btfkit` is importable, plain or compiled (PYTHONPATH says which), and on ../src where none is.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)  # corpus, strategies, peer_tools
if find_spec("btfkit") is None:
    SOURCE = os.path.join(os.path.dirname(HERE), "src")
    sys.path.insert(0, SOURCE)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (SOURCE, os.environ.get("PYTHONPATH"))))  # for commands run

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as for what a shell runs in the background; commands would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile(
    "ci", max_examples=60, derandomize=True, deadline=None, suppress_health_check=SLOW, database=None
)
settings.register_profile("dev", max_examples=200, deadline=None, suppress_health_check=SLOW)
settings.register_profile("long", max_examples=5000, deadline=None, suppress_health_check=SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", help="write what tests print into the files of tests/golden"
    )


def pytest_collection_modifyitems(items):
    """Long tests first, those that boot kernels before all: no worker of xdist is left alone with one at the end."""
    items.sort(key=lambda item: (item.get_closest_marker("slow") is None, "tests/vm/" not in item.nodeid))


def pytest_terminal_summary(terminalreporter):
    """A line for each reason to skip: how many tests it concerns, what is lacking, and what to run to have it.

    The ids of these tests are kept in pytest's cache (`btfkit/skipped`).
    """
    skipped = terminalreporter.stats.get("skipped", [])
    if getattr(terminalreporter.config, "cache", None) is not None:  # not with `-p no:cacheprovider`
        terminalreporter.config.cache.set("btfkit/skipped", sorted(report.nodeid for report in skipped))
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.section(f"{len(skipped)} tests were skipped; what to run to have them")
    for text, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
        terminalreporter.write_line(f"{count:6}  {text}")


@pytest.fixture
def golden(request):
    """A function that compares a text with the file of that name in tests/golden; with --update-golden it writes it."""

    def compare(name: str, text: str) -> None:
        path = os.path.join(HERE, "golden", name)
        if request.config.getoption("--update-golden"):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8", newline="") as f:
                f.write(text)
        if not os.path.exists(path):
            pytest.fail(f"no golden file {name}: make it with --update-golden, and look at it")
        with open(path, encoding="utf-8", newline="") as f:
            expected = f.read()
        assert text == expected, f"differs from tests/golden/{name} (--update-golden, if that is meant)"

    return compare
