"""The scenarios of `growth.py`: which command runs on which input, by size n."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator

import growth_dwarf as dwarf
import growth_shapes as shapes

from btfkit.btf.btf import Btf

Words = list[str]
Shape = Callable[[int], shapes.Builder]


class Inputs:
    """The directory of the inputs of size `n`, each of which is made once."""

    def __init__(self, folder: str, n: int, command: Callable[..., int]) -> None:
        self.folder = folder
        self.n = n
        self.command = command  # runs btfkit, as for the input of another command

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def put(self, name: str, data: bytes) -> None:
        """Write a file."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(data)

    def get(self, name: str) -> bytes:
        with open(self.path(name), "rb") as file:
            return file.read()


Recipe = dict[str, Callable[[Inputs], None]]


class Scenario:
    """`name`; `group`, which has its inputs in common; `recipe` makes them by their names, as far as the command has them."""

    def __init__(self, name: str, group: str, recipe: Recipe, words: Words, largest: int = 1 << 20) -> None:
        self.name = name
        self.group = group
        self.recipe = recipe
        self._words = words
        self.largest = largest

    def inputs(self, inputs: Inputs) -> None:
        """Make what is not there yet."""
        for name in self._words:
            if name in self.recipe and not os.path.exists(inputs.path(name)):
                self.recipe[name](inputs)

    def words(self, n: int) -> Words:
        """The words of the command; a word with %d stands for n of them."""
        return [part for word in self._words for part in ([word % at for at in range(n)] if "%d" in word else (word,))]


def _need(recipe: Recipe, inputs: Inputs, *names: str) -> None:
    for name in names:
        if not os.path.exists(inputs.path(name)):
            recipe[name](inputs)


# ---- commands on one BTF ---------------------------------------------------------------------------------------------

ON_ONE: dict[str, Words] = {
    "info": ["info", "v"],
    "info json": ["info", "v", "--json"],
    "verify": ["verify", "v", "--kernel", "--all"],
    "verify json": ["verify", "v", "--kernel", "--all", "--json"],
    "dump raw": ["dump", "v", "raw"],
    "dump json": ["dump", "v", "json"],
    "dump c": ["dump", "v", "c"],
    "dump c unsorted": ["dump", "v", "c", "--unsorted"],
    "dump c exact": ["dump", "v", "c", "--exact"],
    "dump c compat": ["dump", "v", "c", "--compat"],
    "dump c module": ["dump", "m", "-B", "v", "c"],
    "bpftool": ["bpftool", "btf", "dump", "file", "v", "format", "c"],
    "find": ["find", "v", "*"],
    "find json": ["find", "v", "*", "--json"],
    "find regex": ["find", "v", "/a.*b/"],
    "find users": ["find", "v", "--users", "*"],
    "layout": ["layout", "v", "-a"],
    "layout sizes": ["layout", "v", "-s"],
    "layout expand": ["layout", "v", "-a", "-E"],
    "layout json": ["layout", "v", "-a", "--json"],
    "layout html": ["layout", "v", "-a", "--html", "out"],
    "layout reorganize": ["layout", "v", "-a", "-R"],
    "layout steps": ["layout", "v", "-a", "-R", "-S"],
    "layout glob": ["layout", "v", "*", "--flexible", "--names"],
    "pahole": ["pahole", "v"],
    "sort": ["sort", "v", "-o", "out"],
    "sort -m": ["sort", "v", "-m", "m", "-o", "out"],
    "dedup": ["dedup", "v", "-o", "out"],
    "dedup report": ["dedup", "v", "-o", "out", "--report"],
    "dedup two": ["dedup", "v", "x", "-o", "out"],
    "merge": ["merge", "v", "m", "-o", "out"],
    "merge prefer": ["merge", "v", "m", "-o", "out", "--prefer", "v", "--report"],
    "sanitize": ["sanitize", "v", "--for", "5.0", "-o", "out"],
    "sanitize names": ["sanitize", "v", "--no-names", "--no-dots", "-o", "out"],
    "extract": ["extract", "v", "-o", "out"],
    "diff same": ["diff", "v", "w"],
    "diff html": ["diff", "v", "w", "--html", "out"],
    "diff other": ["diff", "v", "x"],
    "diff json": ["diff", "v", "x", "--json"],
    "diff changed": ["diff", "v", "y"],
    "diff modules": ["diff", "m", "n", "-B", "v"],
    "distill": ["distill", "m", "-B", "v", "-o", "out/m", "--base-out", "out/b"],
    "distill by-value": ["distill", "m", "-B", "v", "-o", "out/m", "--base-out", "out/b", "--policy", "by-value"],
    "reconcile": ["reconcile", "d", "--distilled-base", "b", "-B", "v", "-o", "out"],
    "reconcile full": ["reconcile", "f", "--distilled-base", "g", "-B", "v", "-o", "out"],
    "reconcile changed": ["reconcile", "f", "--distilled-base", "g", "-B", "y", "-o", "out"],
    "explain": ["explain", "d", "--distilled-base", "b", "-B", "x"],
    "explain full": ["explain", "f", "--distilled-base", "g", "-B", "x", "--built-with", "v"],
    "explain changed": ["explain", "f", "--distilled-base", "g", "-B", "y", "--built-with", "v", "--all"],
    "min keep-refs": ["min", "-m", "m", "--keep-refs-of", "m", "-o", "out", "v", "names.o"],
    "dedup module": ["dedup", "m", "-B", "v", "-o", "out"],
    "verify module": ["verify", "m", "-B", "v", "--kernel"],
}


def on_one(shape: Shape) -> Recipe:
    """A BTF of one shape `v`, its copy `w`, one type less `x`, with every struct larger `y`; modules `m` and `n`, and that
    distilled."""

    def whole(inputs: Inputs) -> Btf:
        return Btf.from_bytes(shape(inputs.n).to_bytes())

    def distilled(split: str, base: str, policy: str) -> Callable[[Inputs], None]:
        def make(inputs: Inputs) -> None:
            _need(recipe, inputs, "v", "m")
            words = ["m", "-B", "v", "-o", split, "--base-out", base, "--policy", policy, "--no-verify"]
            inputs.command("distill", *words)

        return make

    recipe: Recipe = {
        "v": lambda i: i.put("v", shape(i.n).to_bytes()),
        "w": lambda i: i.put("w", shape(i.n).to_bytes()),
        "x": lambda i: i.put("x", shape(max(i.n - 1, 2)).to_bytes()),
        "y": lambda i: i.put("y", shapes.enlarged(whole(i))),
        "m": lambda i: i.put("m", shapes.module(whole(i), i.n)),
        "n": lambda i: i.put("n", shapes.module(whole(i), i.n // 2)),
        "d": distilled("d", "b", "distilled"),
        "f": distilled("f", "g", "full"),
        "names.o": lambda i: i.put("names.o", shapes.asks_names(4)),
    }
    return recipe


# ---- commands on a BTF and a BPF object ------------------------------------------------------------------------------

# "n types x n candidates" asks n different questions, each of which one candidate answers.  n different questions that all of n
# candidates answer (n types of one name that share n members) have n x n answers, each of which `min` keeps and compares, for any
# may differ: that is inherent, and no scenario here.
ASKED: dict[str, tuple[Shape, Callable[[int], bytes]]] = {
    "n members": (shapes.members, shapes.asks_members),
    "n offsets": (shapes.members, shapes.asks_offsets),
    "n missing members": (shapes.members, lambda n: shapes.asks_offsets(n, member="membre_%d")),
    "n missing members, others": (shapes.members, lambda n: shapes.asks_offsets(n, member="x%d_absent")),
    "n anonymous": (shapes.anonymous, lambda n: shapes.asks_offsets(n, "deep", "x%d")),
    "n anonymous unions": (shapes.anonymous_side_by_side, lambda n: shapes.asks_offsets(n, "wide", "b%d")),
    "n enumerators": (shapes.enumerators, shapes.asks_enumerators),
    "n missing enumerators": (lambda n: shapes.enumerators(max(n // 2, 2)), shapes.asks_enumerators),
    "n types x n candidates": (shapes.one_name, shapes.asks_types),
    "n names": (shapes.plain, shapes.asks_names),
    "n missing names": (shapes.one_name, shapes.asks_names),
}
ASKING: dict[str, Words] = {
    "min": ["min", "v", "out", "o"],
    "min report": ["min", "v", "out", "o", "--report", "all"],
    "relocs": ["relocs", "o", "-b", "v"],
    "relocs json": ["relocs", "o", "-b", "v", "--json"],
    "check": ["check", "o", "--kernels", "k", "-j1"],
    "check html": ["check", "o", "--kernels", "k", "-j1", "--html", "out"],
    "check json": ["check", "o", "--kernels", "k", "-j1", "--json"],
    "check markdown": ["check", "o", "--kernels", "k", "-j1", "--markdown"],
    "dump type-of": ["dump", "v", "--type-of", "o", "c"],
    "diff used-by": ["diff", "v", "k/5.2.btf", "--used-by", "o"],
    "verify ext": ["verify", "o"],
    "dedup ext": ["dedup", "o", "-o", "out"],
    "sort ext": ["sort", "o", "-o", "out"],
    "sanitize ext": ["sanitize", "o", "--for", "5.0", "-o", "out"],
}


def asked(shape: Shape, ask: Callable[[int], bytes]) -> Recipe:
    """A BTF `v`, two kernels in `k`, and a BPF object `o`."""

    def kernels(inputs: Inputs) -> None:
        inputs.put("k/5.1.btf", shape(inputs.n).to_bytes())
        inputs.put("k/5.2.btf", shape(max(inputs.n // 2, 2)).to_bytes())

    return {
        "v": lambda i: i.put("v", shape(i.n).to_bytes()),
        "k": kernels,
        "k/5.2.btf": kernels,
        "o": lambda i: i.put("o", ask(i.n)),
    }


# ---- commands on many files ------------------------------------------------------------------------------------------

MANY: dict[str, Words] = {
    "min -m": ["min", "-m", "mods", "-o", "out", "v", "o", "--all-modules"],
    "min --archive": ["min", "--archive", "k", "-o", "out", "o", "-j1"],
    "relocs -m": ["relocs", "o", "-b", "v", "-m", "mods"],
    "merge": ["merge", "v", "mods", "-o", "out"],
    "dedup": ["dedup", "mods", "-B", "v", "-o", "out", "-j1"],
    "sort -m": ["sort", "v", "-m", "mods", "-o", "out", "-j1"],
    "sanitize": ["sanitize", "mods", "-B", "v", "--for", "5.10", "-o", "out", "-j1"],
    "distill": ["distill", "mods", "-B", "v", "-o", "out", "-j1"],
    "reconcile": ["reconcile", "dist", "-B", "v", "-o", "out", "-j1"],
    "extract": ["extract", "mods", "-o", "out", "-j1"],
    "explain": ["explain", "one.btf", "--kernels", "k", "-j1"],
    "check": ["check", "names.o", "--kernels", "k", "-j1"],
    "check html": ["check", "names.o", "--kernels", "k", "-j1", "--html", "out"],
    "check json": ["check", "names.o", "--kernels", "k", "-j1", "--json"],
    "check markdown": ["check", "names.o", "--kernels", "k", "-j1", "--markdown"],
    "check changing": ["check", "names.o", "--kernels", "turns", "-j1"],
    "check changing html": ["check", "names.o", "--kernels", "turns", "-j1", "--html", "out"],
    "bundle create": ["bundle", "create", "out", "k"],
    "bundle create --archive": ["bundle", "create", "out", "--archive", "k", "o", "-j1"],
    "bundle list": ["bundle", "list", "bundle"],
    "bundle get": ["bundle", "get", "bundle", "5.0.1-amd64", "-o", "out"],
    "bundle lookup": ["bundle", "lookup", "bundle", "--uname", "5.0.1-amd64", "-o", "out"],
    "bundle verify": ["bundle", "verify", "bundle"],
}


def many() -> Recipe:
    """n small modules `mods/N` of one kernel `v`, distilled in `dist`, and n kernels in `k`."""
    base = shapes.plain(8).build()

    def modules(inputs: Inputs) -> None:
        for number in range(inputs.n):
            inputs.put(f"mods/m{number}.btf", small_module(number))

    def small_module(number: int) -> bytes:
        b = shapes.Builder(base)
        b.struct(f"own{number}", 16, [("s", b.ptr(4 + 2 * (number % 8)), 0), (f"x{number}", 1, 64)])
        return b.to_bytes()

    def distilled(inputs: Inputs) -> None:
        _need(recipe, inputs, "v", "mods")
        inputs.command("distill", "mods", "-B", "v", "-o", "dist", "-j1", "--no-verify")

    def kernels(inputs: Inputs) -> None:
        for number in range(inputs.n):
            b = shapes.plain(8)
            for at in range(8):  # names that no other kernel has: a compressor is slow where almost all is equal
                b.struct(hashlib.md5(b"%d %d" % (number, at)).hexdigest(), 4, [("x", 1, 0)])
            inputs.put(f"k/debian/12/x86_64/5.{number // 50}.{number % 50}-amd64.btf", b.to_bytes())

    def in_turns(inputs: Inputs) -> None:
        for number in range(inputs.n):
            b = shapes.plain(8 if number % 2 else 12)
            inputs.put(f"turns/debian/12/x86_64/5.{number // 50}.{number % 50}-amd64.btf", b.to_bytes())

    def bundle(inputs: Inputs) -> None:
        _need(recipe, inputs, "k")
        inputs.command("bundle", "create", "bundle", "k")

    recipe: Recipe = {
        "v": lambda i: i.put("v", base.to_bytes()),
        "o": lambda i: i.put("o", shapes.asks_names(4)),
        "names.o": lambda i: i.put("names.o", shapes.asks_names(12)),
        "one.btf": lambda i: i.put("one.btf", small_module(0)),
        "mods": modules,
        "dist": distilled,
        "k": kernels,
        "turns": in_turns,
        "bundle": bundle,
    }
    return recipe


# ---- commands on DWARF -----------------------------------------------------------------------------------------------

ON_DWARF: dict[str, Words] = {
    "pahole -J": ["pahole", "-J", "--btf_encode_detached=out/x.btf", "d.o"],
    "encode": ["encode", "d.o", "-o", "out/x.btf", "-j1"],
    "encode into": ["encode", "d.o", "-o", "out/d.o", "-j1"],
    "encode -B": ["encode", "d.o", "-B", "b.btf", "-o", "out/x.btf", "-j1"],
}


def on_dwarf(shape: Callable[[int], bytes]) -> Recipe:
    """A file `d.o` with DWARF of one shape, and as a base `b` the BTF of the same with one type less."""

    def base(inputs: Inputs) -> None:
        inputs.put("e.o", shape(max(inputs.n - 1, 2)))
        inputs.command("encode", "e.o", "-o", "b.btf", "-q")

    return {"d.o": lambda i: i.put("d.o", shape(i.n)), "b.btf": base}


def scenarios() -> Iterator[Scenario]:
    """All of them; the names are "command: shape"."""
    recipe = many()
    for name, words in MANY.items():
        yield Scenario(f"{name}: many", "many", recipe, words, 1 << 12)
    offsets = ["offset", "v", "wide.member_%d"]
    yield Scenario("offset: n members", "members", on_one(shapes.members), offsets, 1 << 13)
    for what, (shape, ask) in ASKED.items():
        recipe = asked(shape, ask)
        for name, words in ASKING.items():
            yield Scenario(f"{name}: {what}", f"asked {what}", recipe, words, 1 << 15)
    for what, shape in shapes.SHAPES.items():
        recipe = on_one(shape)
        largest = 1 << 15 if shape in shapes.WIDE else 1 << 20
        for name, words in ON_ONE.items():
            yield Scenario(f"{name}: {what}", what, recipe, words, largest)
    for what, form in dwarf.SHAPES.items():
        recipe = on_dwarf(form)
        for name, words in ON_DWARF.items():
            yield Scenario(f"{name}: dwarf {what}", f"dwarf {what}", recipe, words)
