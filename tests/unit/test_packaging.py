"""The house rules that no single module can see: layers, what importing costs, and what an installation holds."""

from __future__ import annotations

import ast
import importlib.machinery
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

import btfkit
from btfkit.btf import spec
from btfkit.hot import kinds, member_rows
from needs import lacks, needs

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "btfkit"
INSTALLED = Path(btfkit.__file__).parent
HOT = sorted(
    path.stem
    for path in (SOURCE / "hot").glob("*.py")
    if path.stem not in ("__init__", "codes", "kinds", "member_rows", "spans", "value_codes")
)

# What a bare `import btfkit` has no use for, and what each of them costs is in milliseconds.
EXPENSIVE = {
    *(
        "argparse",
        "ast",
        "asyncio",
        "collections",
        "concurrent.futures",
        "contextlib",
        "copy",
        "csv",
        "ctypes",
        "dataclasses",
    ),
    *(
        "datetime",
        "difflib",
        "email",
        "enum",
        "functools",
        "glob",
        "gzip",
        "hashlib",
        "heapq",
        "html",
        "http",
        "importlib",
    ),
    *(
        "inspect",
        "json",
        "logging",
        "lzma",
        "multiprocessing",
        "pathlib",
        "pickle",
        "platform",
        "random",
        "re",
        "shutil",
    ),
    *(
        "signal",
        "socket",
        "string",
        "subprocess",
        "tarfile",
        "tempfile",
        "textwrap",
        "threading",
        "traceback",
        "typing",
    ),
    *("unittest", "urllib", "weakref", "zipfile", "backports", "lz4", "rich", "jinja2", "numpy"),
}
# What `--version` may import on top: it looks for the compiled modules, and Cython's start-up imports collections.abc.
VERSION_MAY = {"collections", "importlib"}


def python(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    # -I would hide a PYTHONPATH; -P keeps only the current folder out.
    return subprocess.run(
        [sys.executable, "-P", *args], capture_output=True, text=True, env=os.environ | env, timeout=600
    )


def imported_by(statement: str) -> set[str]:
    tell = "print(*set(sys.modules) - before, file=sys.stderr)"
    done = python("-c", f"import sys; before = set(sys.modules); {statement}; {tell}")
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of what a file imports, at whatever depth: `from a import b` yields a.b."""
    package = ".".join(path.relative_to(SOURCE.parent).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                source = ".".join([*above, *filter(None, [node.module])])
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)


def modules() -> set[str]:
    names = (path.relative_to(SOURCE.parent).with_suffix("").parts for path in SOURCE.rglob("*.py"))
    return {".".join(parts).removesuffix(".__init__") for parts in names}


def sources() -> list[str]:
    return sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py"))


@pytest.mark.parametrize("name", [name for name in sources() if name != "__init__.py"])
def test_nothing_inside_imports_the_package_root(name: str) -> None:
    known = modules() | {"btfkit"}
    packages = {m for m in known if "btfkit." in m} | {m.rpartition(".")[0] for m in known if m.count(".") > 1}
    for line, full in imports(SOURCE / name):
        if full.split(".")[0] != "btfkit":
            continue
        # `import btfkit`, or `from btfkit import load`: a name of the root that is not one of its modules or packages
        from_root = full == "btfkit" or (full.count(".") == 1 and full not in packages)
        assert not from_root, f"{name}:{line} imports {full} from the package root"


def test_hot_imports_nothing_but_hot() -> None:
    for path in sorted((SOURCE / "hot").glob("*.py")):
        named = [(line, name) for line, name in imports(path) if name.split(".")[0] == "btfkit"]
        wrong = [f"{path.name}:{line} imports {name}" for line, name in named if not name.startswith("btfkit.hot.")]
        assert not wrong


def test_kinds_have_one_set_of_numbers() -> None:
    """`hot/kinds.py`, which Python reads, and `hot/kinds.pxd`, which Cython does."""
    names = {name: number for name, number in vars(kinds).items() if name.isupper()}
    pxd = (SOURCE / "hot" / "kinds.pxd").read_text()
    assert {name: int(number) for name, number in re.findall(r"^    (\w+) = (\d+)$", pxd, re.MULTILINE)} == names
    assert [names[name] for name in spec.KIND_NAMES] == list(range(kinds.LAST_KIND + 1))
    columns = (kinds.TAIL, kinds.ELEM, kinds.THIRD_IS_TYPE, kinds.TAIL_IDS, kinds.ELEM_IDS, kinds.ELEM_NAMES)
    assert columns == (spec.COL_TAIL, spec.COL_ELEM, spec.COL_THIRD_IS_TYPE, *range(3, 6))
    assert {kind for kind in range(128) if kinds.is_modifier(kind)} == spec.MODIFIERS
    assert {kind for kind in range(128) if kinds.is_alias(kind)} == spec.MODS_AND_TYPEDEFS
    assert {kind for kind in range(128) if kinds.is_braced(kind)} == {*spec.COMPOSITES, *spec.ENUMS}
    bodies = re.compile(r"def .*?(\w+)\([^\n]*\n(?:    \"\"\".*\n)?    return (.*)")
    assert dict(bodies.findall(pxd)) == dict(bodies.findall((SOURCE / "hot" / "kinds.py").read_text()))
    assert len(bodies.findall(pxd)) == 3


def test_rows_of_members_have_one_set_of_numbers() -> None:
    pxd = (SOURCE / "hot" / "member_rows.pxd").read_text()
    names = {name: number for name, number in vars(member_rows).items() if name.isupper()}
    assert {name: int(number) for name, number in re.findall(r"^    (\w+) = (\d+)$", pxd, re.MULTILINE)} == names
    assert sorted(names.values()) == list(range(member_rows.ROW + 1))


def _imported_files(path: Path) -> set[str]:
    """The modules of btfkit that a file imports when it runs, also inside functions; not those for type checkers only."""
    known, found = modules(), set()
    nodes: list[ast.AST] = [ast.parse(path.read_text(), str(path))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & known or {node.module} & known
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & known
    return found


def test_no_import_circle() -> None:
    """No two files import each other, by whatever way and however late."""
    left = {
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__"): _imported_files(path)
        for path in SOURCE.rglob("*.py")
        if path != SOURCE / "__init__.py"  # the root imports public names on first use; nothing imports the root
    }
    while leaves := [name for name, imported in left.items() if not imported & (left.keys() - {name})]:
        for name in leaves:
            del left[name]
    assert not left, f"import circles among {sorted(left)}"


def _functions(path: Path) -> dict[str, list[str]]:
    nodes = ast.parse(path.read_text(), str(path)).body
    return {
        n.name: [a.arg for a in n.args.args]
        for n in nodes
        if isinstance(n, ast.FunctionDef)
        if not n.name.startswith("_")
    }


@pytest.mark.parametrize("name", HOT)
def test_hot_has_c_types_and_a_stub_that_fit(name: str) -> None:
    """Each loop file stands three times: .py (the code), .pxd (the C types), .pyi (the types for its callers)."""
    code = _functions(SOURCE / "hot" / f"{name}.py")
    assert code or "\nclass " in (SOURCE / "hot" / f"{name}.py").read_text()
    missing = [suffix for suffix in (".pxd", ".pyi") if not (SOURCE / "hot" / (name + suffix)).exists()]
    assert not missing, f"hot/{name}.py has no {missing} beside it"
    pxd = (SOURCE / "hot" / f"{name}.pxd").read_text()
    compiled = {
        function: [argument.split()[-1] for argument in arguments.split(",") if argument.strip()]
        for function, arguments in re.findall(r"^c?p?def [^(\n]*?(\w+)\(([^)]*)\)", pxd, re.MULTILINE)
    }
    assert code == {function: compiled.get(function) for function in code}
    assert code == _functions(SOURCE / "hot" / f"{name}.pyi")


def test_importing_btfkit_is_cheap() -> None:
    loaded = imported_by("import btfkit")
    assert "btfkit" in loaded
    assert not {name for name in loaded if name in EXPENSIVE or name.split(".")[0] in EXPENSIVE}


def test_the_version_is_cheap() -> None:
    loaded = imported_by("from btfkit.cli import main; main(['--version'])")
    assert not {name for name in loaded if name.split(".")[0] in EXPENSIVE - VERSION_MAY}


def test_minimizing_is_cheap(tmp_path: Path) -> None:
    """`min` needs nothing expensive; the compiled form does not even import `collections` (`setup.py`, `shared_source`)."""
    b = btfkit.Builder()
    b.struct("task", 4, [("pid", b.int("int", 4), 0)])
    vmlinux = tmp_path / "vmlinux"
    vmlinux.write_bytes(b.build().to_bytes())
    call = ["min", str(vmlinux), str(tmp_path / "min.btf"), "--keep-type", "task", "-q"]
    loaded = imported_by(f"from btfkit.cli import main; assert main({call!r}) == 0")
    expensive = EXPENSIVE - (set() if is_compiled() else {"collections"})
    assert (tmp_path / "min.btf").exists()
    assert not {name for name in loaded if name in expensive or name.split(".")[0] in expensive}


@pytest.mark.parametrize(
    "words",
    [
        "info {btf}",
        "dump {btf} raw",
        "dump {btf} c",
        "dump {btf} json",
        "layout {btf} task",
        "layout {btf} --sizes",
        "find {btf} task",
        "offset {btf} task.pid",
        "extract {btf} -o {out}",
        "sort {btf} -o {out}",
        "dedup {btf} -o {out}",
        "diff {btf} {btf}",
    ],
)
def test_commands_of_one_file_import_no_type_annotations(tmp_path: Path, words: str) -> None:
    """`typing`, with `re` and `enum` that it imports, takes a quarter of the time of such a command; data classes take more."""
    b = btfkit.Builder()
    b.struct("task", 4, [("pid", b.int("int", 4), 0)])
    vmlinux = tmp_path / "vmlinux"
    vmlinux.write_bytes(b.build().to_bytes())
    call = [word.format(btf=vmlinux, out=tmp_path / "out.btf") for word in words.split()]
    loaded = imported_by(f"from btfkit.cli import main; assert main({call!r}) == 0")
    assert not loaded & {"typing", "re", "enum", "dataclasses", "argparse", "subprocess", "pathlib"}


def is_compiled() -> bool:
    return all(
        any((INSTALLED / "hot" / (name + suffix)).exists() for suffix in importlib.machinery.EXTENSION_SUFFIXES)
        for name in HOT
    )


def console_command() -> str:
    path = os.path.join(sysconfig.get_path("scripts"), "btfkit")
    if not os.path.exists(path):
        lacks("installed")
    return path


@pytest.mark.parametrize("form", ["module", "command"])
def test_version_tells_the_form(form: str) -> None:
    command = [sys.executable, "-P", "-m", "btfkit"] if form == "module" else [console_command()]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")
    loops = "compiled" if is_compiled() else "plain Python"
    assert re.fullmatch(rf"btfkit \d+\.\d+\S* \({loops} loops, Python 3\.\d+\.\d+\S*\)\n", done.stdout)


@needs("plain", "BTFKIT_PURE" in os.environ)
def test_pure_means_plain() -> None:
    if INSTALLED == SOURCE:
        lacks("installed")
    assert not [
        path for path in INSTALLED.rglob("*") if path.name.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))
    ]


def test_command_starts_with_this_interpreter() -> None:
    first = Path(console_command()).read_bytes().split(b"\n", 1)[0].decode()
    assert first.startswith("#!/"), first
    assert os.path.realpath(first[2:].split()[0]) == os.path.realpath(sys.executable)


def test_installation_is_whole() -> None:
    """Every source file, its typing (PEP 561) and what pages are made of is installed; a loop once, compiled or plain."""
    compiled = {f"{name}{suffix}" for name in HOT for suffix in (".py", ".pxd")} if is_compiled() else set()
    for path in SOURCE.rglob("*"):
        if path.parent == SOURCE / "hot" and (path.name in compiled or (compiled and path.suffix == ".pxd")):
            assert INSTALLED == SOURCE or not (INSTALLED / path.relative_to(SOURCE)).exists(), path
            continue
        if path.suffix in (".py", ".pxd", ".pyi", ".typed", ".html", ".css", ".js") or path.name == "py.typed":
            assert (INSTALLED / path.relative_to(SOURCE)).exists(), path


def test_tested_is_what_is_installed() -> None:
    """Under `make test` the tests run against the installation, not against src/ (where they might pass for the wrong reason)."""
    if not os.path.exists(os.path.join(sysconfig.get_path("scripts"), "btfkit")):
        lacks("installed")
    assert SOURCE.parent not in map(Path, filter(None, sys.path)), "PYTHONPATH hides the installation"


# ---- public names --------------------------------------------------------------------------------------------------


def test_no_public_name_is_that_of_a_module() -> None:
    """Importing `btfkit.x` sets `btfkit.x` to the module: a function of that name could not be called after it."""
    modules = {path.stem if path.suffix else path.name for path in SOURCE.iterdir() if path.name != "__pycache__"}
    assert not modules & set(btfkit.__all__) - {"__init__"}


def test_verify_stays_a_function() -> None:
    import btfkit.judges.structure

    b = btfkit.Builder()
    b.int("int", 4)
    btfkit.verify(b.build())
    assert all(callable(getattr(btfkit, name)) for name in btfkit.__all__ if name != "__version__")


def test_the_stub_has_every_public_name():
    """Names are imported on first use, so type checkers read __init__.pyi."""
    stub = (SOURCE / "__init__.pyi").read_text()
    names = ((module, name) for module, words in btfkit._NAMES.items() for name in words.split())
    lines = [f"from btfkit.{module} import {name} as {name}" for module, name in names]
    assert sorted(stub.splitlines()) == sorted([*lines, "", "__all__: list[str]"])
