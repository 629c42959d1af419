"""`check` on an archive of 400 kernels (bench/fleet_bench.py has its location and size), and its page; no other tool does this.

The exit status must be 0, so all failures are allowed.  The page is opened in a headless chromium if there is one.  The rows
after the first compare this build with the one in $BTFKIT_BEFORE ("/path/python -m btfkit"), run in turn.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from glob import escape, glob
from typing import TYPE_CHECKING

from fleet_bench import HUB, WORKERS, archive, kernels
from rows import Row

if TYPE_CHECKING:
    from measure import Cost
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


def linked_kernels(bench: Bench, count: int) -> str:
    """A tree in BTFHub's layout of `count` links to the raw BTF of the corpus' real kernels."""
    tree = os.path.join(bench.folder, f"linked-{count}")
    paths = sorted(glob(os.path.join(escape(bench.corpus.place), "hub", "*", "*", "*", "*.btf.tar.xz")))
    for number in range(count if not os.path.isdir(tree) else 0):
        distro, release, arch, name = paths[number % len(paths)].split(os.sep)[-4:]
        uname = name.removesuffix(".btf.tar.xz")
        version, dash, rest = uname.partition("-")
        folder = os.path.join(tree, distro, release, arch)
        os.makedirs(folder, exist_ok=True)
        os.symlink(bench.corpus.kernel(uname), os.path.join(folder, f"{version}.{number}{dash}{rest}.btf"))
    return tree


def objects_twice(bench: Bench) -> list[str]:
    """The objects of libbpf-tools, each under two names."""
    folder = os.path.join(bench.folder, "twice")
    if not os.path.isdir(folder):
        os.mkdir(folder)
        for path in bench.corpus.objects():
            name = os.path.basename(path).removesuffix(".bpf.o")
            for other in (name, name + "-again"):
                os.symlink(path, os.path.join(folder, other + ".bpf.o"))
    return sorted(glob(os.path.join(escape(folder), "*.o")))


def in_turn(bench: Bench, name: str, objects: list[str], tree: str) -> dict[str, Cost]:
    """The costs of `check --json` for this build and the one before."""
    words = ["check", "-q", "--allow", "*@*", "-j", str(WORKERS), "--json", *objects, "--kernels", tree]
    more = {"before": bench.before(*words)} if bench.before() else {}
    return bench.compare(name, max(1, bench.runs // 10), bench.ours(*words), [], **more)


def distinct(bench: Bench) -> Iterator[Row]:
    """All objects on kernels that are all different, as raw BTF: the CPU time of a kernel without unpacking xz."""
    tree, objects, count = archive(bench, raw=True), bench.corpus.objects(), kernels()
    costs = in_turn(bench, "check-distinct", objects, tree)
    ours, before = costs["ours"], costs.get("before")
    work = (
        f"check, {len(objects)} objects on {count} kernels that all differ (raw), CPU a kernel; before: $BTFKIT_BEFORE"
    )
    other = None if before is None else 1e3 * before.median("cpu") / count
    yield Row(work, "ms", 1e3 * ours.median("cpu") / count, other, ratio=0.4)
    other = None if before is None else before.median("peak")
    yield Row("  peak memory of its largest process", "MiB", ours.median("peak"), other, most=80)


def linked(bench: Bench) -> Iterator[Row]:
    """Twice as many objects on 330 and 660 kernels, most of which are equal."""
    objects = objects_twice(bench)
    for count in (330, 660):
        costs = in_turn(bench, f"check-linked-{count}", objects, linked_kernels(bench, count))
        ours, before = costs["ours"], costs.get("before")
        label = f"check, {len(objects)} objects on {count} kernels (9 real ones, linked), {WORKERS} workers"
        for what, unit, name, ratio, most in (
            ("wall", "s", label, 0.3 if count == 330 else 0.25, None),
            ("cpu", "s", "  its CPU time, of all processes", None, None),
            ("peak", "MiB", "  peak memory of its largest process", None, 80),
        ):
            other = None if before is None else before.median(what)
            yield Row(name, unit, ours.median(what), other, ratio=ratio, most=most)


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


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "check": programs,
    "check-distinct": distinct,
    "check-linked": linked,
}

if __name__ == "__main__":
    sys.exit("this is part of bench/run.py; run: make bench ARGS='--only check'")
