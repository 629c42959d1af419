"""The documents say what is so: their Python runs, their command lines are understood and run, what they point at exists."""

from __future__ import annotations

import os
import re
import shlex
from glob import glob
from importlib import import_module
from pathlib import Path

import pytest

from btfkit import cli
from btfkit.cli import options
from needs import module

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))  # test_tutorials.py runs them
PROSE = [
    *PAGES,
    *TUTORIALS,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "tests").glob("*/README.md")),
]

KERNEL, OPENSNOOP = DATA / "vmlinux-6.12.107+deb13-amd64.btf.xz", DATA / "opensnoop-libbpf.bpf.o"
FILES = {  # what the documents call their inputs
    **dict.fromkeys(("vmlinux", "/sys/kernel/btf/vmlinux", "/boot/vmlinuz-6.1", "/boot/vmlinuz"), KERNEL),
    **dict.fromkeys(("prog.bpf.o", "opensnoop.bpf.o", "/usr/sbin/opensnoop"), OPENSNOOP),
    **dict.fromkeys(("nf_conntrack.ko", "/sys/kernel/btf/nf_conntrack"), DATA / "modules" / "nf_conntrack.btf.xz"),
    "tests/data/encode/gcc-dwarf5.o.xz": DATA / "encode" / "gcc-dwarf5.o.xz",
    **dict.fromkeys(("/lib/modules/VALUE", "/sys/kernel/btf", "modules"), DATA / "modules"),
}


def named(paths):
    return pytest.mark.parametrize("page", paths, ids=lambda page: page.relative_to(ROOT).as_posix())


def fences(text):
    """(language, code) of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S)


def code_lines(text):
    """The lines of fenced and of indented blocks, continuation lines joined."""
    fenced = "".join(code for language, code in fences(text) if language in ("", "sh", "bash", "console", "shell"))
    rest = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return re.sub(r" *\\\n\s*", " ", fenced + "".join(re.findall(r"(?:^ {4}.*\n)+", rest, re.M))).splitlines()


def spans(text):
    """The code spans of the prose."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def words_of(line):
    """The words of each `btfkit` command in a line of shell, without redirections."""
    line = re.sub(r"\$\([^)]*\)", "VALUE", line.strip().removeprefix("$ "))
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    commands = [[]]
    for word in lexer:
        if set(word) <= set("|&;"):
            commands.append([])
        else:
            commands[-1].append(word)
    for command in commands:
        redirected = [i for i, word in enumerate(command) if set(word) <= set("<>")]
        found = command[: redirected[0]] if redirected else command
        while found and re.fullmatch(r"\w+=\S*", found[0]):
            found = found[1:]
        if found[:1] == ["btfkit"]:
            yield found[1:]


def command_lines(text):
    """The `btfkit` command lines of a page: (words, whether it is a synopsis)."""
    for line in code_lines(text):
        if re.match(r"\s*(\$ |\w+=\S+ )*btfkit ", line):
            synopsis = bool(re.search(r"[\[\]]|\.\.\.| [A-Z_]{2,}\b", line.split("#")[0]))
            for words in words_of(re.sub(r"[\[\]]", "", line) if synopsis else line):
                yield words, synopsis


def examples(name):
    """The example lines in the help of a command."""
    return [line for line in cli.command(name).details.splitlines() if re.match(r"\s+btfkit ", line)]


def parses(words):
    """Why the words are no command line of btfkit, or ""."""
    if words[0] in ("--help", "--version", "help"):
        return ""
    at = next((i for i, word in enumerate(words) if word in cli.COMMANDS), None)
    if at is None:
        return f"no command in {words}"
    if cli.command(words[at]).own_parser or "--help" in words:
        return ""
    try:
        options.parse(cli.command(words[at]), words[:at] + words[at + 1 :])
    except (SystemExit, options.UsageError) as error:
        return f"{words}: {error}"
    return ""


# ---- Python ----------------------------------------------------------------------------------------------------


@named([page for page in PAGES if {"python", "py"} & {language for language, _ in fences(page.read_text())}])
def test_python_runs(page, tmp_path, monkeypatch, capsys):
    """The blocks of a page one after the other: a later one may go on from an earlier one."""
    blocks = [code for language, code in fences(page.read_text()) if language in ("python", "py")]
    for library in ("pandas", "polars"):
        if any(library in code for code in blocks):
            module(library, "frames")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "example"}
    for code in blocks:
        for name, path in FILES.items():
            code = code.replace(f'"{name}"', repr(str(path)))
        exec(compile(code, f"{page.name}: {code.splitlines()[0]}", "exec"), names)


def test_the_package_docstring_runs(tmp_path, monkeypatch, capsys):
    import btfkit

    assert btfkit.__doc__ is not None
    code = "\n".join(re.findall(r"^ {4}(.*)|^$", btfkit.__doc__, re.M))
    for name, path in FILES.items():
        code = code.replace(f'"{name}"', repr(str(path)))
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert (tmp_path / "min.btf").stat().st_size < 10_000


# ---- commands --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_points_to_the_page(name, capsys):
    """To one that exists, and to that which docs/commands.md has for the command."""
    url = options.documentation(cli.command(name))
    page = url.removeprefix(options.DOCS)
    assert (ROOT / "docs" / page).is_file()
    (row,) = [
        line
        for line in (ROOT / "docs" / "commands.md").read_text().splitlines()
        if re.match(rf"\|.*`{name}`.*\|.*\|", line)
    ]
    assert page in re.findall(r"\(([\w-]+\.md)", row)
    if not cli.command(name).own_parser:
        assert cli.main([name, "--help"]) == 0
        assert f"Documentation: {url}" in capsys.readouterr().out


@named([*PAGES, *TUTORIALS])
def test_command_lines_parse(page):
    text = page.read_text()
    wrong = [parses(words) for words, _ in command_lines(text)]
    for span in spans(text):
        words = re.sub(r"[\[\]]", "", span).split()
        if len(words) > 1 and words[0] == "btfkit" and not words[1].isupper():
            wrong.append("" if words[1] in cli.COMMANDS and len(words) == 2 else parses(words[1:]))
    assert list(filter(None, wrong)) == []


def has_inputs(page):
    """Whether it has a command line whose inputs tests/data has."""
    lines = (words for words, synopsis in command_lines(page.read_text()) if not synopsis and "-" not in words)
    return any(word in FILES or word.startswith("tests/data/") for words in lines for word in words)


@pytest.mark.slow  # with plain loops
@named([page for page in PAGES if has_inputs(page)])
def test_command_lines_run(page, tmp_path, monkeypatch, capfd):
    """Those with inputs that tests/data has; one may read what one before it has written."""
    ran, wrong = 0, []
    monkeypatch.chdir(tmp_path)
    for words, synopsis in command_lines(page.read_text()):
        if synopsis or "-" in words:
            continue
        words = [str(FILES.get(word, word)) for word in words]
        words = [str(ROOT / word) if word.startswith("tests/data/") else word for word in words]
        status = cli.main(words)
        complaint = capfd.readouterr().err
        if status == cli.FAILED and "No such file" in complaint:
            continue
        ran += 1
        if status not in (cli.DONE, cli.DIFFERS) or "Traceback" in complaint:
            wrong.append((words, status, complaint))
    assert wrong == []
    assert ran


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_commands_are_explained(name, capsys):
    page = (ROOT / "docs" / "commands.md").read_text()
    assert re.search(rf"`(btfkit )?{name}`|btfkit {name}\b", page), f"docs/commands.md does not mention `{name}`"
    assert cli.main([name, "--help"]) == cli.DONE
    said = capsys.readouterr().out
    assert re.search(rf"usage: btfkit {name}\b", said)
    command = cli.command(name)
    assert (command.summary, name) in [(summary, known) for known, summary in cli.COMMANDS.items()]
    if command.own_parser:  # it has a help of its own
        return
    assert command.summary[1:] in said
    for option in command.options:
        assert option.help
        assert all(spelling in said for spelling in option.spellings)
    for line in examples(name):
        for words in words_of(re.sub(r" {3,}.*$", "", line.strip())):
            assert parses(words) == ""


@named(PAGES)
def test_options_exist(page):
    known = {spelling for name in cli.COMMANDS for option in cli.command(name).options for spelling in option.spellings}
    known |= {
        word
        for name in cli.COMMANDS
        for word in re.findall(r"--\w+", getattr(import_module(f"btfkit.cli.{name}"), "HELP", ""))
    }
    text = page.read_text()
    own = {span.split()[0].partition("=")[0] for span in spans(text) if re.match(r"--\w", span)}
    assert own <= known | {"--help", "--version"}


# ---- what is pointed at ----------------------------------------------------------------------------------------


def slug(heading):
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")


@named(PROSE)
def test_links(page):
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        if path.startswith("generated/"):  # by the build of the site, whose links test_site.py follows
            continue
        if not there.exists():
            name = os.path.relpath(there, ROOT)
            lost.append(name)
        elif anchor and there.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", there.read_text(), re.M)
            if anchor not in map(slug, headings):
                lost.append(target)
    assert lost == []


ROOMS = {path.name for path in (ROOT / "src" / "btfkit").iterdir() if (path / "__init__.py").exists()}
FOLDERS = {"src", "tests", "docs", "scripts", "tools", "bench", ".ci"}
UPSTREAM = ("tools/lib/", "tools/bpf/", "tools/testing/", "scripts/pahole")  # folders of that name in the kernel's tree


def places(page, span):
    """Where a code span that looks like a path of the repository may lie (patterns), or nothing."""
    match = re.fullmatch(r"([\w.*-]+)/[\w./*+-]*", span.split("::")[0])
    if match is None or span.startswith(UPSTREAM) or match[1] not in FOLDERS | ROOMS | {"btfkit"}:
        return []
    path = re.sub(r"\b(NAME|name)\b", "*", span.split("::")[0].rstrip("/"))
    return [
        base / (path + end)
        for base in (ROOT, ROOT / "src", ROOT / "src" / "btfkit", page.parent)
        for end in ("", ".py")
    ]


@named(PROSE)
def test_paths(page):
    lost = {}
    for span in spans(page.read_text()):
        where = places(page, span)
        if where and not any(glob(str(place)) for place in where):
            lost[span] = page.name
    assert lost == {}


def test_the_map_of_architecture_names_every_room():
    text = (ROOT / "docs" / "architecture.md").read_text()
    listing = next(code for _, code in fences(text) if code.startswith("src/btfkit/"))
    rooms = dict(re.findall(r"^  (\w+)/ +(.*(?:\n {6,}.*)*)", listing, re.M))
    assert set(rooms) >= ROOMS


# ---- differences -----------------------------------------------------------------------------------------------


def named_tests(text):
    """(file or "", test or "") of what looks like a test."""
    found = re.findall(r"(?:(tests/[\w/]+\.py|\btest_\w+\.py)(?:::)?)?(\btest_\w+\b(?!\.py))?", text)
    return [(file, test) for file, test in found if file or test]


def test_tests_named_in_differences_exist():
    page = ROOT / "docs" / "differences.md"
    sources = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "tests").rglob("*.py")}
    lost = []
    for row in re.findall(r"^\|.*\|$", page.read_text(), re.M):
        for file, test in named_tests(row):
            texts = [text for name, text in sources.items() if not file or name == file or name.endswith("/" + file)]
            if not any(not test or re.search(rf"^\s*def {test}\b", text, re.M) for text in texts):
                lost.append(f"{file}::{test}")
    assert lost == []
