"""The matrix: ranges, what counts, hints, and how it is written."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

import btfkit
import check_inputs
import growth
from btfkit.btf.build import Builder
from btfkit.fleet import hints
from btfkit.fleet.check import Work
from btfkit.fleet.keys import Key
from btfkit.fleet.matrix import Column, Matrix, Program, columns_text
from btfkit.fleet.report import as_dict, markdown_lines, read_baseline, summary_line, text_lines
from btfkit.programs.verdict import ProgramFinding, Verdict
from hostile import NAMES
from matrices import made
from objects import Program as MadeProgram

WORKS, BREAKS = Verdict(()), Verdict((ProgramFinding("breaks", "no-member", "gone", 0),))


def column(distro, arch, uname, error=""):
    return Column(Key(distro, "1", arch, uname), uname, uname, error)


def matrix(*columns, programs=1):
    rows = [Program("object", f"prog_{number}", "xdp", False, {}) for number in range(programs)]
    return Matrix(rows, columns, ["object"])


def test_ranges_go_by_version_within_a_series():
    m = matrix(
        column("debian", "x86_64", "5.10.0-1"),
        column("debian", "x86_64", "5.9.0-1"),
        column("debian", "arm64", "5.10.0-1"),
        column("debian", "x86_64", "6.1.0-1", "damaged"),
        column("debian", "x86_64", "5.10.0-10"),
        column("debian", "x86_64", "5.10.0-9"),
    )
    for number, verdict in enumerate((WORKS, BREAKS, WORKS, None, BREAKS, WORKS)):
        if verdict is not None:
            m.put(number, [verdict])
    m.settle()
    found = [(r.group, r.columns, r.status, r.whole) for r in m.ranges(0)]
    assert found == [
        (("debian", "arm64"), [2], "works", True),
        (("debian", "x86_64"), [1], "breaks", False),
        (("debian", "x86_64"), [0, 5], "works", False),
        (("debian", "x86_64"), [4], "breaks", False),
    ]
    assert m.usable == [0, 1, 2, 4, 5]
    assert columns_text(m, [0, 5]) == "5.10.0-1 ... 5.10.0-9"
    assert columns_text(m, [0, 1, 2, 4, 5]) == "all 5 kernels"
    assert columns_text(m, [0, 4]) == "5.10.0-1, 5.10.0-10"


def test_numbers_do_not_depend_on_the_order():
    one, other = (matrix(*(column("a", "b", f"5.{n}") for n in range(3)), programs=2) for _ in range(2))
    rows = {0: [WORKS, BREAKS], 1: [BREAKS, BREAKS], 2: [BREAKS, WORKS]}
    for number in (0, 1, 2):
        one.put(number, rows[number])
    for number in (2, 0, 1):
        other.put(number, rows[number])
    one.settle()
    other.settle()
    assert one.cells == other.cells
    assert as_dict(one, []) == as_dict(other, [])


def test_what_counts():
    m = matrix(column("a", "b", "5.1"), column("a", "b", "5.2"), programs=2)
    m.put(0, [BREAKS, WORKS])
    m.put(1, [BREAKS, BREAKS])
    m.settle()
    assert list(m.failures()) == [(0, 0), (0, 1), (1, 1)]
    m.allowed = [("prog_0", "5.1")]
    assert list(m.failures()) == [(0, 1), (1, 1)]
    m.baseline = {("object", "prog_1", "5.2"): "breaks"}
    assert list(m.failures()) == [(0, 1)]
    assert m.require(["prog_1", "none*"]) == ["none*"]
    assert list(m.failures()) == []
    assert "count" in summary_line(m, 0)


def test_a_report_is_a_baseline():
    m = made(20, 6)
    found = read_baseline(json.loads(json.dumps(as_dict(m, []))))
    assert len(found) == 120
    m.baseline = found
    assert list(m.failures()) == []


@pytest.mark.parametrize("damage", ["kernels", "programs", "matrix", "verdicts"])
def test_a_damaged_report_is_refused(damage):
    data = as_dict(made(4, 2), [])
    data[damage] = data[damage][:-1]
    with pytest.raises(ValueError, match="report"):
        read_baseline(data)


def test_hostile_names_stay_on_their_line():
    m = made(12, len(NAMES), names=NAMES)
    assert all(line.isprintable() for line in text_lines(m, every=True))
    lines = list(markdown_lines(m, 0))
    assert all(line.isprintable() for line in lines)
    assert not any("<script" in line.replace("\\<", "").replace("`", "") and "`" not in line for line in lines)
    rows = [line for line in lines if line.startswith("| ")]
    assert rows
    assert all(line.replace("\\|", "").count("|") == 5 for line in rows)


# ---- the whole, from Python ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("check")
    check_inputs.fill(folder)
    return folder


def test_from_python(hub):
    seen = []
    with ThreadPoolExecutor(2) as executor:
        m = btfkit.check(
            [hub / "guards.bpf.o"],
            [hub / "hub"],
            executor=executor,
            observe=lambda done, total: seen.append((done, total)),
        )
    assert seen[:5] == [(n, 5) for n in range(1, 6)]
    pairs = len(seen) - 5  # of kernels, compared for hints
    assert seen[5:] == [(n, pairs) for n in range(1, pairs + 1)] != []
    assert [c.name for c in m.columns][:2] == ["5.10.0-1-amd64", "6.1.0-1-amd64"]
    again = btfkit.check([hub / "guards.bpf.o"], [hub / "hub"], workers=1)
    assert as_dict(m, []) == as_dict(again, [])


def test_hints(hub):
    m = btfkit.check([hub / "guards.bpf.o"], [hub / "hub"], workers=1)
    hint = m.hints["guards", f"((struct task_struct___missing *)0)->{check_inputs.MEMBER}"]
    assert m.columns[hint.first].name == "6.1.0-1-amd64"
    assert m.columns[hint.last].name == "6.1.0-2-amd64"
    assert hint.arches == {"x86_64"}
    assert [(m.columns[column].name, text) for column, text in hint.notes] == [
        ("6.12.0-1-amd64", "struct task_struct has btfkit_new_name (int) in its place")
    ]


def test_hints_about_names(tmp_path):
    """The only member of a typedef's struct, types, functions and tracepoints that are spelled almost alike."""

    def kernel(member, *functions, struct="request_queue"):
        b = Builder()
        b.int("int", 4, encoding=1)
        b.typedef("kernel_cap_t", b.struct("", 8, [(member, 1, 0)]))
        b.struct(struct, 4, [("nr", 1, 0)])
        proto = b.func_proto(0, [("data", 1)])
        for name in functions:
            b.func(name, proto, linkage=1)
        b.typedef("btf_trace_sched_switch", b.ptr(proto))
        return b.to_bytes()

    program = MadeProgram()
    number = program.types.int("int", 4, encoding=1)
    capability = program.types.typedef("kernel_cap_t", program.types.struct("", 8, [("cap", number, 0)]))
    queue = program.types.struct("request_queues", 4, [("nr", number, 0)])
    program.relo(0, capability, "0:0")
    program.relo(0, queue, "0:0")
    for section in ("fentry/blk_account_io_start", "kprobe/do_unlink", "tp_btf/sched_swich", "fentry/nothing_like_it"):
        program.begin(section)
    (tmp_path / "made.bpf.o").write_bytes(program.elf())
    (tmp_path / "6.1.btf").write_bytes(kernel("cap", "blk_account_io_start"))
    (tmp_path / "6.12.btf").write_bytes(kernel("val", "__blk_account_io_start", "do_unlinkat", "do_mkdir"))
    m = btfkit.check([tmp_path / "made.bpf.o"], [tmp_path / "6.1.btf", tmp_path / "6.12.btf"], workers=1)
    notes = {access: [text for _, text in hint.notes] for (_, access), hint in m.hints.items()}
    assert notes == {
        "((kernel_cap_t *)0)->cap": ["kernel_cap_t has val (int) in its place"],
        "((struct request_queues *)0)->nr": ["there is struct request_queue, which is spelled almost like it"],
        "fentry/blk_account_io_start": ["there is function __blk_account_io_start, which is spelled almost like it"],
        "kprobe/do_unlink": ["there is function do_unlinkat, which is spelled almost like it"],
        "tp_btf/sched_swich": ["there is tracepoint sched_switch, which is spelled almost like it"],
        "fentry/nothing_like_it": [],
    }
    shown = list(text_lines(m))
    assert "    hint: only 6.1 has it" in shown
    at = next(number for number, line in enumerate(shown) if "do_unlink in the kernel's BTF" in line)
    assert not any(
        "no kernel here has it" in line for line in shown[at : at + 4]
    )  # it may be there: BTF does not list all


def test_hints_of_other_sorts(tmp_path):
    """One struct further, spelled almost alike, another kind of type."""

    def kernel(build):
        b = Builder()
        b.int("int", 4, encoding=1)
        build(b)
        return b.to_bytes()

    def further(b):
        inner = b.struct("inner", 4, [(check_inputs.MEMBER, 1, 0)])
        b.struct("task_struct", 16, [("pid", 1, 0), ("deep", b.ptr(inner), 64)])

    def alike(b):
        b.struct("task_struct", 8, [("pid", 1, 0), ("btfkit_no_such_membre", 1, 32)])

    def underscores(b):
        inner = b.struct("inner", 4, [(check_inputs.MEMBER, 1, 0)])
        b.struct("task_struct", 16, [(f"__{check_inputs.MEMBER}", 1, 0), ("deep", b.ptr(inner), 64)])

    def only(b):
        b.struct("task_struct", 4, [("val", 1, 0)])

    def other_kind(b):
        b.struct("task_struct", 4, [("pid", 1, 0)])
        b.union("btfkit_no_such_struct", 4, [("member", 1, 0)])

    check_inputs.fill(tmp_path)
    member = ("guards", f"((struct task_struct___missing *)0)->{check_inputs.MEMBER}")
    kind = ("guards", "((struct btfkit_no_such_struct *)0)->member")
    for build, access, words in (
        (further, member, f"{check_inputs.MEMBER} is one struct further: deep->{check_inputs.MEMBER} (struct inner)"),
        (alike, member, "struct task_struct has btfkit_no_such_membre, which is spelled almost like it"),
        (underscores, member, f"struct task_struct has __{check_inputs.MEMBER}, which is spelled almost like it"),
        (only, member, "the only member of struct task_struct is val (int)"),
        (other_kind, kind, "there is a union btfkit_no_such_struct, but the program asks for a struct"),
    ):
        (tmp_path / "5.1.btf").write_bytes(kernel(build))
        m = btfkit.check([tmp_path / "guards.bpf.o"], [tmp_path / "5.1.btf"], workers=1)
        assert [text for _, text in m.hints[access].notes] == [words]
        assert m.hints[access].first == -1


def brute_changes(matrix, ranks, missing, has):
    """As `hints._changes`, by the distance of every kernel."""
    runs, last = [], None
    for column in matrix.series:
        now = matrix.columns[column].group, missing[column]
        if missing[column]:
            if now != last:
                runs.append([])
            runs[-1].append(column)
        last = now
    seen = set()
    for run in runs:
        near = [column for column in has if matrix.columns[column].key.arch == matrix.columns[run[0]].key.arch]
        if has and not near:
            continue
        good = min(near, key=lambda column: hints._distance(matrix, ranks, run, column), default=-1)
        bad = run[-1] if good < 0 or matrix.columns[good].version > matrix.columns[run[-1]].version else run[0]
        key = matrix.columns[bad].version[:4], matrix.columns[good].version[:4] if good >= 0 else None
        if key not in seen:
            seen.add(key)
            yield bad, good


def test_the_nearest_kernel_that_has_it() -> None:
    chance = random.Random(5)
    for seed in range(40):
        m = made(chance.randint(1, 40), 1, seed)
        missing = [chance.random() < 0.5 for _ in m.columns]
        has = [column for column in m.series if not missing[column]]
        assert list(hints._changes(m, m.ranks, missing, has)) == list(brute_changes(m, m.ranks, missing, has))


def test_reads_that_come_and_go_take_linear_work() -> None:
    def work(n):
        m = made(n, 1)
        missing = [column % 2 == 0 for column in range(n)]
        has = [column for column in m.series if not missing[column]]
        return lambda: list(hints._changes(m, m.ranks, missing, has))

    assert growth.exponent(work, 64) < 1.15


def test_only_modules_that_answer_stay_in_memory(tmp_path):
    """The first module is kept, too: it shows that modules are known."""
    check_inputs.fill(tmp_path)
    kernel = tmp_path / "hub/debian/11/x86_64/5.10.0-1-amd64.btf"
    base = btfkit.load(kernel)
    program = MadeProgram()
    program.relo(0, program.types.struct("asked_for", 4, [("m", program.types.int("int", 4, encoding=1), 0)]), "0:0")
    program.begin("fentry/odd___function")
    (tmp_path / "made.bpf.o").write_bytes(program.elf())
    (tmp_path / "mods").mkdir()
    for name in ("a_first", "b_other", "c_asked_for", "d_odd___function", "e_other"):
        b = Builder(base)
        if "odd" in name:
            b.func("odd___function", b.func_proto(0, []), linkage=1)
        else:
            b.struct(name[2:], 4, [("m", 1, 0)])
        (tmp_path / "mods" / f"{name}.ko.btf").write_bytes(b.to_bytes())
    work = Work([str(tmp_path / "made.bpf.o")], [str(tmp_path / "mods")], {}, single=True)
    (found,) = btfkit.find_kernels([str(kernel)]).kernels
    target = work.target(found, work.prepare().checks, lambda error: pytest.fail(str(error)))
    kept = [btf.source.rpartition("/")[2][:1] for btf in target.modules]
    assert kept == ["a", "c", "d"]
    m = btfkit.check([tmp_path / "made.bpf.o"], [kernel], [tmp_path / "mods"])
    assert m.counts == {"works": 2, "works, guarded": 0, "breaks": 0}
