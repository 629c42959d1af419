"""`check` on an archive of 400 kernels (bench/fleet_bench.py has its location and size), and its page; no other tool does this.

The exit status must be 0, so all failures are allowed.  The page is opened in a headless chromium if there is one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fleet_bench import HUB, WORKERS, archive, kernels
from rows import Row

if TYPE_CHECKING:
    from run import Bench

TARGET = 120  # seconds
SCRIPT = """
import resource, sys
from glob import glob
from btfkit.fleet.check import check
*objects, tree = sys.argv[1:]
check(objects, sorted(glob(tree + "/*/*/*/*"))[:40], workers=2)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def programs(bench: Bench) -> Iterator[Row]:
    """All objects of libbpf-tools on the archive."""
    tree = archive(bench, raw=False)
    objects, count = bench.corpus.objects(), kernels()
    page = bench.out("check.html")
    command = ["check", "-q", "--allow", "*@*", "-j", str(WORKERS), "--html", page, *objects, "--kernels", tree]
    wall, cpu, peak = bench.spawner.run(bench.ours(*command), page)
    bench.samples["check"] = {"ours": (wall, cpu, peak)}
    note = f"{1e3 * cpu / count:.0f} ms of CPU a kernel; BTFHub's {HUB:,}: {cpu / count * HUB / WORKERS:.0f} s"
    yield Row(
        f"check, {len(objects)} objects on {count} .btf.tar.xz, {WORKERS} workers", "s", wall, most=TARGET, note=note
    )
    yield Row("  its CPU time, of all processes", "s", cpu)
    yield Row("  peak memory of a worker", "MiB", worker_peak(objects, tree), most=100)
    yield Row("  its page", "KiB", os.path.getsize(page) / 1024, note=loaded(page))


def worker_peak(objects: list[str], tree: str) -> float:
    """Peak memory of the largest worker in MiB."""
    words = [sys.executable, "-c", SCRIPT, *objects, tree]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout) / 1024


def loaded(page: str) -> str:
    """How long chromium takes to display the page, and to apply a filter."""
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        return "selenium is not installed"
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        return "chromium is not installed"
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        chrome = webdriver.Chrome(options=options, service=Service(driver))
        try:
            chrome.get("file://" + page)
            ready = "return performance.getEntriesByType('navigation')[0].domComplete"
            filtered = (
                "const begun = performance.now(), s = document.getElementById('verdict'); s.value = '2';"
                "s.dispatchEvent(new Event('change')); return performance.now() - begun"
            )
            return f"visible after {chrome.execute_script(ready):.0f} ms, a filter takes {chrome.execute_script(filtered):.0f} ms"
        finally:
            chrome.quit()


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {"check": programs}

if __name__ == "__main__":
    sys.exit("this is part of bench/run.py; run: make bench ARGS='--only check'")
