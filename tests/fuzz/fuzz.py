#!/usr/bin/env python3
"""`make fuzz`: broken real inputs against the build that is importable; anything but a result or a `BtfError` is a finding.

    N=200000 python tests/fuzz/fuzz.py [--seed S] [--minutes M] [--only TARGET] [--start K]
    python tests/fuzz/fuzz.py --run FILE...      run saved cases again

Input K of seed S is the same on every machine with the same inputs to start from.  Inputs run in child processes, in batches;
one that kills its child, takes more than 5 s or more than 1 GiB is found by its number.  Findings are made small and saved under
tests/fuzz/crashes; one that is fixed goes to tests/fuzz/regressions, which the tests run.  Exit status 1: something was found.
"""

from __future__ import annotations

import argparse
import array
import collections
import faulthandler
import mmap
import os
import resource
import select
import signal
import struct
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

SECONDS = int(os.environ.get("FUZZ_SECONDS") or 5)  # of CPU time, for one input
MEMORY = 1 << 30  # bytes beyond what the process had before
BATCH = 4000  # inputs of a child
CRASHES = os.path.join(HERE, "crashes")
MINIMIZING = 40  # seconds, at most, that a finding is made smaller for


class TooSlow(Exception):
    """More than SECONDS."""


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Broken inputs against btfkit.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0, help="stop after so many, whatever N says")
    parser.add_argument("--only", default="", help="one target")
    parser.add_argument("--start", type=int, default=0, help="number of the first input")
    parser.add_argument("--crashes", default=CRASHES, metavar="FOLDER", help="where findings go (tests/fuzz/crashes)")
    parser.add_argument("--run", nargs="+", metavar="FILE", help="run saved cases")
    args = parser.parse_args()
    from btfkit.cli import version

    print(f"fuzz: {version()}", file=sys.stderr)
    if args.run:
        return run_files(args.run)
    return Fuzzer(args.seed, args.only, args.crashes).run(
        args.start, int(os.environ.get("N") or 10_000), 60 * args.minutes
    )


def run_files(paths: list[str]) -> int:
    """Run saved cases, each in a child; say what becomes of them."""
    import targets

    status = 0
    for path in paths:
        with open(path, "rb") as file:
            case = targets.Case.from_bytes(file.read())
        finding = in_child(case)
        print(f"{path}: {finding or 'a result or a BtfError'}")
        status = status or bool(finding)
    return int(status)


# ---- one input, guarded --------------------------------------------------------------------------------------------


def limits() -> None:
    """For a child: bounded memory, and an exception after too much processor time."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * mmap.PAGESIZE
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGVTALRM, _too_slow)


def _too_slow(signum: int, frame: object) -> None:
    raise TooSlow(f"more than {SECONDS} s")


def attempt(case: object) -> tuple[str, str]:
    """(finding, traceback) of running a case, "" where there is none; to be called under `limits`."""
    import targets

    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        targets.run(case)  # type: ignore[arg-type]
    except (SystemExit, KeyboardInterrupt) as error:
        return f"{type(error).__name__}", traceback.format_exc()
    except Exception as error:
        return signature(error), traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return "", ""


def signature(error: BaseException) -> str:
    """What makes two findings one: the exception, and the innermost place in btfkit."""
    place = "?"
    for frame in traceback.extract_tb(error.__traceback__):
        if "btfkit" in frame.filename:
            place = (
                f"{os.path.basename(os.path.dirname(frame.filename))}/{os.path.basename(frame.filename)}:{frame.name}"
            )
    if isinstance(error, AssertionError) and str(error):
        place = str(error).partition(":")[0]
    return f"{type(error).__name__} at {place}"


def in_child(case: object) -> str:
    """The finding of a case that runs in a child of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        limits()
        try:
            os.write(writer, attempt(case)[0].encode()[:4000])
        finally:
            os._exit(0)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], 4 * SECONDS)
    if not ready:
        os.kill(child, signal.SIGKILL)
    said = os.read(reader, 4000).decode() if ready else f"hang: more than {4 * SECONDS} s"
    os.close(reader)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and not said:
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return said


# ---- many inputs ---------------------------------------------------------------------------------------------------


class Fuzzer:
    """A run: the parent forks children, each does a batch and tells the parent in shared memory how far it is."""

    def __init__(self, seed: int, only: str, crashes: str) -> None:
        self.crashes = crashes
        self.seed = seed
        self.only = only
        self.shared = mmap.mmap(-1, 4096)  # number under way, results, refusals; then the inputs of each target
        self.counts: collections.Counter[str] = collections.Counter()
        self.findings: collections.Counter[str] = collections.Counter()
        self.results = self.refused = 0

    def run(self, start: int, count: int, seconds: float) -> int:
        """Inputs `start` to `start + count`; returns the exit status."""
        self._prepare()
        begun = said = time.monotonic()
        number, end = start, start + count
        while number < end and not (seconds and time.monotonic() - begun > seconds):
            number = self._batch(number, min(number + BATCH, end))
            if time.monotonic() - said > 20:
                said = time.monotonic()
                self._say(number - start, said - begun)
        self._say(number - start, time.monotonic() - begun)
        print("  " + ", ".join(f"{name} {count:,}" for name, count in self.counts.most_common()), file=sys.stderr)
        for finding, times in self.findings.most_common():
            print(f"  {times} x {finding}", file=sys.stderr)
        return 1 if self.findings else 0

    def _prepare(self) -> None:
        """What all children share."""
        import rebasing
        import seeds
        import targets

        for sort in (seeds.chains, seeds.programs, seeds.scenes, seeds.containers, rebasing.chains, rebasing.modules):
            sort()
        for _, parts in seeds.chains():
            if isinstance(parts[0], str):
                targets.load(parts, 1)
        for number in range(50):  # imports; what fails is found again by a child
            attempt(targets.make(0, number))

    def _say(self, done: int, seconds: float) -> None:
        print(
            f"fuzz: {done:,} inputs in {seconds:.0f} s (seed {self.seed}): {self.results:,} results, {self.refused:,} refused,"
            f" {sum(self.findings.values()):,} findings of {len(self.findings)} kinds",
            file=sys.stderr,
        )

    def _batch(self, start: int, end: int) -> int:
        """Do a batch in a child; returns the number of the first input that was not done."""
        names = self._names()
        self.shared[:24] = struct.pack("QQQ", start, 0, 0)
        self.shared[24 : 24 + 4 * len(names)] = bytes(4 * len(names))
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            self._child(start, end, writer)
        os.close(writer)
        reason = self._watch(child, reader)
        at, results, refused = struct.unpack("QQQ", self.shared[:24])
        self.results += results
        self.refused += refused
        for name, done in zip(names, self._done(names), strict=True):
            self.counts[name] += done
        if reason:
            self._found(at, reason, "")
            return at + 1
        return end

    @staticmethod
    def _names() -> list[str]:
        import targets

        return list(targets.RUN)

    def _done(self, names: list[str]) -> array.array[int]:
        return array.array("I", self.shared[24 : 24 + 4 * len(names)])

    def _child(self, start: int, end: int, writer: int) -> None:
        import targets

        try:
            faulthandler.enable()
            limits()
            results = refused = 0
            names = self._names()
            counts = array.array("I", bytes(4 * len(names)))
            for number in range(start, end):
                self.shared[:24] = struct.pack("QQQ", number, results, refused)
                case = targets.make(self.seed, number, self.only)
                counts[names.index(case.target)] += 1
                self.shared[24 : 24 + 4 * len(names)] = counts.tobytes()
                signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
                try:
                    if targets.run(case):
                        results += 1
                    else:
                        refused += 1
                except Exception as error:
                    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
                    line = f"{number}\t{signature(error)}\t{traceback.format_exc()[-3000:]!r}\n"
                    os.write(writer, line.encode())
                finally:
                    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            self.shared[:24] = struct.pack("QQQ", end, results, refused)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(9)

    def _watch(self, child: int, reader: int) -> str:
        """Take findings from a child until it ends; why it ended, "" where all is well."""
        last, since, text = -1, time.monotonic(), b""
        reason = ""
        while True:
            ready, _, _ = select.select([reader], [], [], 1)
            if ready:
                piece = os.read(reader, 1 << 16)
                if not piece:
                    break
                *lines, text = (text + piece).split(b"\n")
                for line in lines:
                    number, finding, detail = line.decode().split("\t", 2)
                    self._found(int(number), finding, detail)
                    since = time.monotonic()  # saving takes its time
            at = struct.unpack("Q", self.shared[:8])[0]
            if at != last:
                last, since = at, time.monotonic()
            elif time.monotonic() - since > 8 * SECONDS:
                reason = f"hang: more than {8 * SECONDS} s"
                os.kill(child, signal.SIGKILL)
                break
        os.close(reader)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            reason = reason or f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
        elif os.WEXITSTATUS(status):
            reason = reason or f"exit status {os.WEXITSTATUS(status)}"
        return reason

    def _found(self, number: int, finding: str, detail: str) -> None:
        self.findings[finding] += 1
        if self.findings[finding] > 3:
            return
        print(f"fuzz: seed {self.seed}, input {number}: {finding}\n{detail}", file=sys.stderr)
        if self.findings[finding] == 1:
            self._save(number, finding)

    def _save(self, number: int, finding: str) -> None:
        import targets

        case = targets.make(self.seed, number, self.only)
        os.makedirs(self.crashes, exist_ok=True)
        path = os.path.join(self.crashes, f"{case.target}-{self.seed}-{number}.bin")
        with open(path, "wb") as file:
            file.write(case.to_bytes())
        smaller = minimized(case, finding)
        with open(path, "wb") as file:
            file.write(smaller.to_bytes())
        print(f"fuzz: saved as {path}, {os.path.getsize(path)} bytes", file=sys.stderr)


def minimized(case: object, finding: str) -> object:
    """A case with the same finding and fewer bytes, or more zeros: pieces are taken away while it stays."""
    import targets

    assert isinstance(case, targets.Case)
    if in_child(case) != finding:
        return case
    deadline = time.monotonic() + MINIMIZING
    for index in range(len(case.parts)):
        if isinstance(case.parts[index], bytes):
            _shrink(case, index, finding, deadline, b"")
            _shrink(case, index, finding, deadline, b"\0")
    return case


def _shrink(case: object, index: int, finding: str, deadline: float, fill: bytes) -> None:
    import targets

    assert isinstance(case, targets.Case)
    step = 1 << max(len(case.parts[index]).bit_length() - 1, 2)
    while step >= (4 if fill else 1):
        at = 0
        while at < len(case.parts[index]) and time.monotonic() < deadline:
            old = case.parts[index]
            piece = old[at : at + step]
            new = old[:at] + fill * len(piece) + old[at + step :]
            case.parts[index] = new
            if new == old or in_child(case) != finding:
                case.parts[index] = old
                at += step
            elif fill:
                at += step
        step //= 2


if __name__ == "__main__":
    sys.exit(main())
