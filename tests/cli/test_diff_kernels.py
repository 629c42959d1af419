"""`btfkit diff` of two kernels with their modules, and of what a list of symbols reaches (kABI)."""

from __future__ import annotations

import json

import pytest
from cli_inputs import run

import btfkit
import corpus
import kernel_trees
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.fleet.kernel_diff import diff_kernels
from btfkit.show.diff import ModuleDiffs, diff
from btfkit.show.kabi import is_reserved, kabi
from btfkit.show.kabi_lists import Symbols, read_suppressions, read_symbols
from needs import module


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    kernel_trees.fill(tmp_path)
    monkeypatch.chdir(tmp_path)


OLD, MID, NEW = (f"tree/{uname}" for uname in kernel_trees.AMD64[1:])

# ---- two directories ---------------------------------------------------------------------------------------------


def test_directories(capsys, tmp_path) -> None:
    said = run(capsys, "diff", MID, NEW)
    assert said.status == 1
    assert "modules: 2 the same, 0 differ, 0 added, 0 removed" in said.out
    base = Btf.from_bytes((tmp_path / NEW / "vmlinux").read_bytes())
    top = Builder(base)
    top.struct("other", 16, [("a", base.find_id("int"), 0), ("b", base.find_id("int"), 64)])
    (tmp_path / NEW / "other").write_bytes(top.to_bytes())
    (tmp_path / NEW / "third.btf").write_bytes(top.to_bytes())
    (tmp_path / NEW / "conn").unlink()
    said = run(capsys, "diff", MID, NEW)
    assert "modules: 0 the same, 1 differ, 1 added, 1 removed" in said.out
    assert "module other\n" in said.out
    assert "struct other: 8 -> 16 bytes" in said.out
    assert "added modules (1)\n  + third" in said.out
    assert "removed modules (1)\n  - conn" in said.out
    summary = run(capsys, "diff", MID, NEW, "--summary").out.splitlines()
    assert summary[-1].split() == ["other", "1", "0", "0"]
    data = json.loads(run(capsys, "diff", MID, NEW, "--json").out)
    assert (data["schema"], data["differs"], data["modules"]["same"]) == (1, True, 0)
    assert data["modules"]["added"] == ["third"]
    assert [one["name"] for one in data["modules"]["changed"]] == ["other"]
    assert data["vmlinux"]["schema"] == 1
    assert run(capsys, "diff", OLD, MID).status == 0
    assert run(capsys, "diff", MID, NEW, "-q").out == ""


def test_page_of_directories(capsys, tmp_path) -> None:
    module("jinja2")
    (tmp_path / NEW / "other").write_bytes((tmp_path / NEW / "conn").read_bytes())
    assert run(capsys, "diff", MID, NEW, "--html", "page.html").status == 1
    assert b"other [other]" in (tmp_path / "page.html").read_bytes()


def test_unreadable_module(capsys, tmp_path) -> None:
    (tmp_path / NEW / "other").write_bytes(b"\x9f\xeb\x01\0")
    said = run(capsys, "diff", MID, NEW)
    assert said.status == 3
    assert "module skipped" in said.err
    assert "modules: 1 the same" in said.out


def test_mistakes(capsys) -> None:
    assert run(capsys, "diff", MID, NEW, "-C", "task").status == 2
    assert run(capsys, "diff", "a", "b", "--suppress", "x").status == 2
    said = run(capsys, "diff", "tree", NEW)
    assert said.status == 3
    assert "3 kernels" in said.err
    assert run(capsys, "diff", MID, "hub/debian/13/x86_64/nowhere").status == 3


def test_workers_do_not_matter(tmp_path) -> None:
    for number in range(80):
        for place, size in ((MID, 8), (NEW, 8 + 8 * (number % 3 == 0))):
            base = Btf.from_bytes((tmp_path / place / "vmlinux").read_bytes())
            top = Builder(base)
            top.struct(f"s{number}", size, [("task", base.find_id("struct task"), 0), ("x", base.find_id("int"), 0)])
            (tmp_path / place / f"m{number}").write_bytes(top.to_bytes())
    one, two = (diff_kernels(MID, NEW, workers=workers) for workers in (1, 2))
    assert one.as_json() == two.as_json()
    assert len(one.modules) > 20
    for name, found in list(one.modules.items())[:5]:  # as two modules alone
        a, b = (
            Btf.from_bytes(
                (tmp_path / place / name).read_bytes(), base=Btf.from_bytes((tmp_path / place / "vmlinux").read_bytes())
            )
            for place in (MID, NEW)
        )
        alone = diff(a, b).as_json()
        assert {key: alone[key] for key in ("counts", "changed", "added", "removed")} == {
            key: found.as_json()[key] for key in ("counts", "changed", "added", "removed")
        }


def test_many_modules_on_one_frame() -> None:
    """Modules of growing and shrinking size, with tags, one after the other, are compared as each pair alone."""
    old, new = kernel_trees.kernel((6, 1)), kernel_trees.kernel((6, 12))
    diffs = ModuleDiffs(old, new)
    for number in (1, 400, 3, 2000, 1):
        sides = []
        for base, extra in ((old, 0), (new, 1)):
            top = Builder(base)
            task = base.find_id("struct task")
            for n in range(number):
                s = top.struct(f"own{n}", 64 + 8 * extra * (n % 2), [("task", task, 0), ("list", top.ptr(task), 448)])
                top.decl_tag(f"tag{extra * (n % 3 == 0)}", s)
            sides.append(top.build())
        assert diffs.diff(*sides).as_json() == diff(*sides).as_json()


@pytest.mark.parametrize("what", ["inner size", "inner member", "parameter name", "array", "typedef", "the same"])
def test_equal_definitions_with_other_parts(what) -> None:
    """A struct whose text is equal in several modules is compared again if what it holds is not, or what is shown of it."""
    old, new = kernel_trees.kernel((6, 1)), kernel_trees.kernel((6, 12))
    diffs = ModuleDiffs(old, new)
    shown = []
    for number in (0, 1, 0):
        sides = []
        for base, moved in ((old, 0), (new, 64)):
            top = Builder(base)
            differing = what if number else ""
            size = 16 if differing == "inner size" else 8
            members = [("y" if differing == "inner member" else "x", base.find_id("int"), 0)]
            inner = top.struct("inner", size, members)
            many = top.array(inner, base.find_id("int"), 1)
            word = top.typedef("word_t", top.int("short", 2) if differing == "typedef" else top.int("long", 8))
            name = "other" if differing == "parameter name" else "one"
            call = top.ptr(top.func_proto(0, [(name, base.find_id("int"))]))
            held = [("call", call), ("word", word), ("inner", many if differing == "array" else inner)]
            top.struct("own", 128, [(name, kind, 64 * at + moved) for at, (name, kind) in enumerate(held)])
            sides.append(top.build())
        shown.append(diffs.diff(*sides).as_json())
        assert shown[-1] == diff(*sides).as_json()
    assert shown[0] == shown[2]
    if what not in ("inner member", "the same"):  # a member's name is only in the struct that has it
        assert shown[0]["changed"] != shown[1]["changed"]


@pytest.mark.parametrize("endless", [False, True])
def test_much_nested(endless) -> None:
    """Types that hold many others, or themselves, are compared as in a pair alone."""
    diffs = ModuleDiffs(kernel_trees.kernel((6, 1)), kernel_trees.kernel((6, 12)))
    for _ in range(2):
        sides = []
        for frame, shift in zip(diffs._frames, (0, 64), strict=True):
            top = Builder(frame.base)
            inner = frame.base.find_id("int")
            if endless:
                inner = top.struct("endless", 8, [("again", top.next_id, 0), ("a", inner, shift)])
            for level in range(200):
                inner = top.struct(f"level{level}", 8, [("in", inner, 0)])
            top.struct("deep", 16, [("in", inner, shift)])
            sides.append(top.build())
        if endless:
            with pytest.raises(btfkit.errors.FormatError, match="nested more than 256 deep"):
                diffs.diff(*sides)
        else:
            assert diffs.diff(*sides).as_json() == diff(*sides).as_json()


# ---- kABI --------------------------------------------------------------------------------------------------------


def kernel(**sizes: int) -> Btf:
    """open() takes a file, which points to an inode; close() takes nothing that changes; `unrelated` is reached by nobody."""
    b = Builder()
    number, word = b.int("int", 4), b.int("unsigned long", 8)
    members = [("nr", word, 0), ("state", number, 64), ("rh_reserved1", word, 128)]
    members += [("grown", word, 192)] if sizes.get("inode") else []
    if sizes.get("hole"):
        members.insert(2, ("hole", number, 96))
    if sizes.get("reserved"):
        members[-1] = ("used", word, 128)
    inode = b.struct("inode", 24 + 8 * sizes.get("inode", 0), members)
    file = b.struct("file", 16, [("inode", b.ptr(inode), 0), ("flags", number, 64)])
    b.struct("unrelated", 8 + 8 * sizes.get("unrelated", 0), [("a", number, 0)])
    parameters = [("file", b.ptr(file)), *([("how", number)] if sizes.get("proto") else [])]
    b.func("open", b.func_proto(number, parameters), 1)
    if not sizes.get("gone"):
        b.func("close", b.func_proto(number, [("fd", number)]), 1)
    b.func("internal", b.func_proto(number, [("x", word), *([("y", word)] if sizes.get("proto") else [])]), 1)
    return b.build()


SYMVERS = """0x12345678\topen\tvmlinux\tEXPORT_SYMBOL\t
0x9abcdef0\tclose\tvmlinux\tEXPORT_SYMBOL_GPL\tNS
0x1\tjiffies\tvmlinux\tEXPORT_SYMBOL
"""


@pytest.fixture
def compare(tmp_path, capsys):
    (tmp_path / "symvers").write_text(SYMVERS)

    def go(*words, **sizes):
        (tmp_path / "old").write_bytes(kernel().to_bytes())
        (tmp_path / "new").write_bytes(kernel(**sizes).to_bytes())
        return run(capsys, "diff", "old", "new", "--symbols", "symvers", *words)

    return go


NEW_SYMVERS = """0x12345679\topen\tvmlinux\tEXPORT_SYMBOL\t
0x9abcdef0\tother\tvmlinux\tEXPORT_SYMBOL\t
0x2\tjiffies\tvmlinux\tEXPORT_SYMBOL_GPL\t
"""


def test_what_is_exported(compare, tmp_path) -> None:
    """Symbols that the new kernel does not export, or to fewer modules; CRCs that nothing explains."""
    (tmp_path / "exported").write_text(NEW_SYMVERS)
    said = compare("--symbols-b", "exported")
    assert said.status == 1
    assert said.out.splitlines() == [
        "3 symbols, 2 in BTF: 2 breaks, 0 without effect",
        "not in BTF (variables, assembly, aliases), not compared: 1: jiffies",
        "another CRC, but no break that BTF shows: 1: open",
        "",
        "BREAK symbol close: no longer exported",
        "",
        "BREAK symbol jiffies: now for GPL modules only",
    ]
    explained = json.loads(compare("--symbols-b", "exported", "--json", inode=1, gone=1).out)
    assert explained["other_crcs"] == []
    assert {(one["name"], one["what"]) for one in explained["findings"]} == {
        ("close", "no longer exists"), ("inode", "24 -> 32 bytes"), ("jiffies", "now for GPL modules only"),
    }  # fmt: skip
    (tmp_path / "exported").write_text(NEW_SYMVERS.replace("other", "close").replace("SYMBOL\t\n", "SYMBOL\tNEW\n"))
    said = compare("--symbols-b", "exported")
    assert "BREAK symbol open: now in the namespace NEW\n" in said.out
    assert "BREAK symbol close: now in the namespace NEW\n" in said.out
    (tmp_path / "rules.toml").write_text('[[suppress]]\nsymbol = "*"\nchange = "missing"\n')
    said = compare("--symbols-b", "exported", "--suppress", "rules.toml")
    assert (said.status, said.err) == (0, "")


def test_exports_of_a_plain_list(compare, tmp_path) -> None:
    """Of a list without CRCs, all symbols have to be exported, and types do not."""
    (tmp_path / "exported").write_text(NEW_SYMVERS)
    (tmp_path / "symvers").write_text("open\nclose\nfile\nstruct inode\nnowhere\n")
    said = compare("--symbols-b", "exported")
    assert [line for line in said.out.splitlines() if line.startswith("BREAK")] == [
        "BREAK symbol close: no longer exported", "BREAK symbol nowhere: no longer exported",
    ]  # fmt: skip


def test_mistakes_about_exports(compare, tmp_path, capsys) -> None:
    (tmp_path / "exported").write_text("open\n")
    said = compare("--symbols-b", "exported")
    assert (said.status, said.err) == (3, "btfkit: exported: expected the Module.symvers of B\n")
    assert run(capsys, "diff", "old", "new", "--symbols-b", "exported").status == 2


def test_only_what_symbols_reach(compare) -> None:
    assert compare(unrelated=1).status == 0
    said = compare(inode=1, unrelated=1)
    assert said.status == 1
    assert said.out.splitlines() == [
        "3 symbols, 2 in BTF: 1 break, 0 without effect",
        "not in BTF (variables, assembly, aliases), not compared: 1: jiffies",
        "",
        "BREAK struct inode: 24 -> 32 bytes",
        "  + grown                        unsigned long, at 24, 8 bytes",
        "  reached by 1 of 3 symbols: open",
    ]


def test_symbols_that_break(compare) -> None:
    said = compare(gone=1, proto=1)
    assert "BREAK function close: no longer exists" in said.out
    assert "BREAK function open: another prototype\n  - int open(struct file *file)\n" in said.out
    assert "  + int open(struct file *file, int how)\n" in said.out
    assert "internal" not in said.out


def test_what_is_no_break(compare) -> None:
    """A reserved member that is used, a member in a hole."""
    said = compare(hole=1, reserved=1)
    assert said.status == 0
    assert "without effect (1)\n  struct inode: in a hole, a reserved member is used\n" in said.out


def test_enumerators() -> None:
    """One more is no break, in a named enum and in one that only a typedef names; one less is."""

    def enums(*more):
        b = Builder()
        values = [("OFF", 0), *more, ("ON", 9)]
        anonymous = b.enum("", values)
        word = b.typedef("mode_t", anonymous)
        named = b.enum("mode", [(f"M_{name}", value) for name, value in values])
        parameters = [("a", word), ("b", named)]
        b.func("set", b.func_proto(0, parameters), 1)
        return b.build()

    def judged(old, new):
        findings = kabi(diff(old, new), Symbols(["set"])).findings
        return {one.name: (bool(one), {noted.why for noted in one.harmless}) for one in findings}

    assert judged(enums(), enums(("IDLE", 5))) == {
        name: (False, {"one more enumerator"}) for name in ("mode", "mode_t")
    }
    assert all(breaks for breaks, _ in judged(enums(("IDLE", 5)), enums()).values())


def test_all_functions_of_two_kernels() -> None:
    """Each change of a real kernel is judged, whatever it is a change of."""
    old, new = (btfkit.load(corpus.kernel_path(name)) for name in ("6.1.0-47-amd64", "6.12.107+deb13-amd64"))
    names = [func.name for func in old if isinstance(func, btfkit.Func)]
    found = kabi(diff(old, new), Symbols(names)).findings
    assert len({(one.kind, one.name) for one in found}) > 5_000
    assert any("one more enumerator" in {noted.why for noted in one.harmless} for one in found if one.kind == "typedef")


def test_suppressions(compare, tmp_path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[suppress]]\ntype = "struct inode"\nreason = "only we allocate it"\n\n[[suppress]]\ntype = "nobody"\n'
    )
    said = compare("--suppress", "rules.toml", inode=1)
    assert said.status == 0
    assert "struct inode: suppressed" in said.out
    assert said.err == "btfkit diff: this suppression matches nothing: type = 'nobody'\n"
    rules.write_text('[[suppress]]\ntype = "inode"\nmember = "grown"\nchange = ["added"]\n')
    said = compare("--suppress", "rules.toml", inode=1)
    assert said.status == 1  # the size is left
    assert "BREAK struct inode: 24 -> 32 bytes" in said.out
    rules.write_text('[[suppress]]\nsymbol = "open"\n')
    assert compare("--suppress", "rules.toml", inode=1).status == 0
    rules.write_text('[[suppress]]\nsymbol = "c*"\n')
    assert compare("--suppress", "rules.toml", inode=1, gone=1).out.count("BREAK") == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[suppress", "not TOML"),
        ("[other]\n", "expected only tables [[suppress]]"),
        ("[[suppress]]\n", "expected type"),
        ("[[suppress]]\ntipe = 'x'\n", "unknown key tipe"),
        ("[[suppress]]\ntype = 3\n", "type: expected a string"),
        ("[[suppress]]\ntype = 'x'\nchange = ['no']\n", "change: expected some of"),
        ("[[suppress]]\nreason = 'x'\n", "line 1: [[suppress]] number 1: type, member or symbol is missing"),
        (
            "[[suppress]]\ntype = 'x'\n# [[suppress]]\n\n[[suppress]]\r\nkind = 3\n",
            "line 5: [[suppress]] number 2: unknown key",
        ),
        ("suppress = [{type = 'x'}, 5]\n", "rules.toml: [[suppress]] number 2: expected type"),
        (
            "[[suppress]]\ntype = '''\n[[suppress]]\n'''\nmember = 1\n",
            "rules.toml: [[suppress]] number 1: member: expected",
        ),
        ("[[suppress]]\ntype = 'x'\nchange = []\n", "change: expected some of"),
        ("[[suppress]]\ntype = 'x'\nchange = [['moved']]\n", "change: expected some of"),
        ("[[suppress]]\ntype = 'x'\n\n[suppression]\n", "line 4: suppression: expected only tables"),
        ("[[suppress]]\ntype = 'x'\ntype = 'y'\n", "not TOML: Cannot overwrite a value (at line 3"),
        ("a = " + 5000 * "[", "nested too deeply"),
        ("#" + (4 << 20) * "x", "at most 4,194,304 bytes"),
        ("[[suppress]]\ntype = '\udcff'\n", "not TOML: 'utf-8' codec can't decode byte 0xff in position 21"),
    ],
)
def test_bad_suppressions(compare, tmp_path, text, says) -> None:
    (tmp_path / "rules.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    said = compare("--suppress", "rules.toml")
    assert said.status == 3
    assert said.err.startswith("btfkit: rules.toml: ")
    assert says in said.err


def test_lists(tmp_path) -> None:
    """Module.symvers, plain lists, and stable lists with headings."""
    (tmp_path / "list").write_text("# comment\n[x86_64_stablelist]\n\topen\nstruct inode # held\n\n")
    assert read_symbols("list").names == ["open", "struct inode"]
    (tmp_path / "symvers").write_text("0x1\tf\tdrivers/net/my-mod\tEXPORT_SYMBOL\t\n0x2\tg\tvmlinux\tEXPORT_SYMBOL\n")
    found = read_symbols("symvers")
    assert (found.names, found.modules) == (["f", "g"], {"f": "my_mod", "g": ""})


def test_bad_lists(compare, tmp_path) -> None:
    for content in (b"", b"\x7fELF\0\0", b"# nothing\n"):
        (tmp_path / "symvers").write_bytes(content)
        said = compare()
        assert (said.status, said.out) == (3, "")
        assert "symvers" in said.err
    assert run_missing(compare, tmp_path) == 3


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("0x12zz\tf\tvmlinux\tEXPORT_SYMBOL", "found 0x12zz\\tf\\tvmlinux\\tEXPORT_SYMBOL\n"),
        ("0x1\t\tvmlinux\tEXPORT_SYMBOL", ""),
        ("0x1 f vmlinux EXPORT_SYMBOL", "found 0x1 f vmlinux EXPORT_SYMBOL\n"),
        ("EXPORT_SYMBOL f 0x1", ""),
        ("klass inode", "found klass inode\n"),
        ("two\x1b[2J words", "found two\\x1b[2J words\n"),
        ("\udcff \udcfe " + 9000 * "long", ""),
    ],
)
def test_bad_lines(compare, tmp_path, line, found) -> None:
    """A line that is no symbol is named, and shown in part."""
    (tmp_path / "symvers").write_bytes(f"open\r\n# two words\n{line}\n".encode("utf-8", "surrogateescape"))
    said = compare()
    assert (said.status, said.out) == (3, "")
    assert said.err.startswith(
        "btfkit: symvers: line 3: expected a name, or CRC, symbol and module separated by tabs, found "
    )
    assert found in said.err
    assert len(said.err) < 700
    assert "\x1b" not in said.err


def test_many_symbols_that_btf_does_not_have(tmp_path) -> None:
    """They cost nothing but their names; those of the BTF keep their names whatever their number."""
    symbols = Symbols([*(f"none{n}" for n in range(200_000)), "close", "open"])
    found = kabi(diff(kernel(), kernel(inode=1, gone=1)), symbols)
    assert len(found.symbols) == 200_002
    assert {one.name: (one.symbols.bit_length() <= 2, found.names(one.symbols)) for one in found.findings} == {
        "close": (True, ["close"]),
        "inode": (True, ["open"]),
    }


def test_enumerators_of_an_enum_without_a_name() -> None:
    """One more in an enum that only a member has, or an array of it, is no break; one less is."""

    def enums(*more):
        b = Builder()
        enum = b.enum("", [("OFF", 0), *more, ("ON", 9)])
        b.func("set", b.func_proto(0, [("p", b.ptr(b.struct("s", 4, [("a", enum, 0)])))]), 1)
        return b.build()

    (more,) = kabi(diff(enums(), enums(("IDLE", 5))), Symbols(["set"])).findings
    assert (bool(more), [noted.why for noted in more.harmless]) == (False, ["one more enumerator"])
    (less,) = kabi(diff(enums(("IDLE", 5)), enums()), Symbols(["set"])).findings
    assert [one.within[0].what for one in less.breaks] == ["removed"]


def run_missing(compare, tmp_path) -> int:
    (tmp_path / "symvers").unlink()
    return compare().status


def test_held_struct(tmp_path, capsys) -> None:
    (tmp_path / "list").write_text("struct unrelated\n")
    (tmp_path / "old").write_bytes(kernel().to_bytes())
    (tmp_path / "new").write_bytes(kernel(unrelated=1, inode=1).to_bytes())
    said = run(capsys, "diff", "old", "new", "--symbols", "list")
    assert [line for line in said.out.splitlines() if line.startswith("BREAK")] == [
        "BREAK struct unrelated: 8 -> 16 bytes"
    ]


def test_one_more_member_of_a_union_is_no_break() -> None:
    """One that fits, while the others stay; in a struct, what lies on a member that goes is a break."""

    def made(*members: str, is_union: bool = True, wide: str = "") -> Btf:
        b = Builder()
        kinds = {size: b.int(f"u{8 * size}", size) for size in (4, 8)}
        rows = [(name, kinds[8 if name == wide else 4], 0) for name in members]
        held = b.union("", 8, rows) if is_union else 0
        holder = b.struct("t", 8, [("", held, 0)] if is_union else rows)
        b.func("open", b.func_proto(0, [("t", b.ptr(holder))]))
        return b.build()

    stays = kabi(diff(made("a", "b"), made("a", "b", "c")), Symbols(["open"]))
    assert [(one.name, [each.why for each in one.harmless]) for one in stays.findings] == [
        ("t", ["one more member of a union"])
    ]
    assert stays.breaks == []
    for new in (made("a", "b", "c", wide="b"), made("c", is_union=False)):
        assert [one.name for one in kabi(diff(made("a", "b"), new), Symbols(["open"])).breaks] == ["t"]


def test_json(compare) -> None:
    data = json.loads(compare("--json", inode=1, hole=1).out)
    assert (data["schema"], data["symbols"], data["breaks"], data["not_in_btf"]) == (1, 3, 1, ["jiffies"])
    (finding,) = data["findings"]
    assert (finding["kind"], finding["name"], finding["what"]) == ("struct", "inode", "24 -> 32 bytes")
    assert finding["harmless"][0]["why"] == "in a hole"
    assert data["symbol_sets"][finding["reached_by"]] == ["open"]


def test_modules(capsys, tmp_path) -> None:
    """A symbol of a module reaches types of the module, and those of vmlinux."""
    (tmp_path / "list").write_text("conn_get\n")
    said = run(capsys, "diff", MID, NEW, "--symbols", "list")
    assert said.status == 1
    assert "BREAK struct task" in said.out
    assert "reached by 1 of 1 symbol: conn_get" in said.out
    (tmp_path / NEW / "conn").unlink()
    assert "BREAK function conn_get [conn]: no longer exists" in run(capsys, "diff", MID, NEW, "--symbols", "list").out


def test_cycles() -> None:
    """Structs that point to each other: a symbol that reaches one reaches them all, but not what points to them."""

    def made(size: int) -> Btf:
        b = Builder()
        number = b.int("int", 4)
        a = b.struct("a", 8, [("b", 3, 0)])  # id 2
        b.ptr(4)
        b.struct("b", 8 * size, [("a", 5, 0)])  # id 4
        pointer = b.ptr(a)  # id 5
        b.struct("up", 8 * size, [("a", pointer, 0)])
        b.func("f", b.func_proto(number, [("p", pointer)]), 1)
        b.func("g", b.func_proto(number, [("n", number)]), 1)
        return b.build()

    found = kabi(diff(made(1), made(2)), Symbols(["f", "g"]))
    assert [(one.name, found.names(one.symbols)) for one in found.breaks] == [("b", ["f"])]


def test_reserved_names() -> None:
    for name in (
        "rh_reserved1",
        "__kabi_reserved_3",
        "android_kabi_reserved2",
        "kabi_reserved1",
        "_kabi_reserved",
        "a.rh_reserved2",
    ):
        assert is_reserved(name), name
    for name in ("reserved", "kabi", "rh_state", "my_kabi"):
        assert not is_reserved(name), name


def test_python(tmp_path) -> None:
    (tmp_path / "list").write_text("open\n")
    (tmp_path / "rules.toml").write_text('[[suppress]]\ntype = "struct *"\n')
    found = kabi(diff(kernel(), kernel(inode=1)), read_symbols("list"))
    assert [(one.kind, one.name, found.names(one.symbols)) for one in found.breaks] == [("struct", "inode", ["open"])]
    found = kabi(diff(kernel(), kernel(inode=1)), read_symbols("list"), read_suppressions("rules.toml"))
    assert found.breaks == []
