"""What holds for all of the public names."""

from __future__ import annotations

from pathlib import Path

import pytest

import btfkit

KERNEL = btfkit.Builder().build()


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (lambda: btfkit.minimize(KERNEL, keep_types="struct file"), "keep_types"),
        (lambda: btfkit.minimize(KERNEL, keep_funcs="tcp_close"), "keep_funcs"),
        (lambda: btfkit.minimize_archive("tree", None, "prog.bpf.o"), "objects"),
        (lambda: btfkit.minimize_archive("tree", None, [], keep_types="file"), "keep_types"),
        (lambda: btfkit.check("prog.bpf.o", ["vmlinux"]), "objects"),
        (lambda: btfkit.check(["prog.bpf.o"], "vmlinux"), "kernels"),
        (lambda: btfkit.find_kernels("tree"), "paths"),
        (lambda: btfkit.load_modules("modules", KERNEL), "paths"),
        (lambda: btfkit.sanitize(KERNEL, "enum64"), "without"),
        (lambda: btfkit.merge(KERNEL, [], names="xfs"), "names"),
        (lambda: btfkit.diff(KERNEL, KERNEL, names="file"), "names"),
        (lambda: btfkit.diff(KERNEL, KERNEL, kinds="struct"), "kinds"),
        (lambda: btfkit.find(KERNEL, "file", "struct"), "kinds"),
    ],
)
def test_a_string_where_a_list_is_wanted(call, parameter):
    with pytest.raises(TypeError, match=rf"^{parameter} must be a list of names: \['"):
        call()


@pytest.mark.parametrize("given", ["vmlinux", b"vmlinux", Path("vmlinux")])
@pytest.mark.parametrize(
    ("call", "parameter", "instead"),
    [
        (lambda x: btfkit.dedup(x), "btf", ", or dedup_file(path)"),
        (lambda x: btfkit.distill(x), "split", ", or distill_file(path)"),
        (lambda x: btfkit.reconcile(x, KERNEL), "split", ", or reconcile_file(path)"),
        (lambda x: btfkit.reconcile(KERNEL, x), "new_base", ""),
        (lambda x: btfkit.sort(x), "btf", ", or sort_file(path)"),
        (lambda x: btfkit.sort(KERNEL, [x]), "splits", ""),
        (lambda x: btfkit.permute(x, [1]), "btf", ""),
        (lambda x: btfkit.sanitize(x, ["enum64"]), "btf", ", or sanitize_file(path)"),
        (lambda x: btfkit.merge(x, []), "base", ", or merge_files(path)"),
        (lambda x: btfkit.merge(KERNEL, [x]), "modules", ""),
        (lambda x: btfkit.append(x), "first", ""),
        (lambda x: btfkit.append(KERNEL, x), "others", ""),
        (lambda x: btfkit.minimize(x, keep_types=["file"]), "vmlinux", ", or minimize_files(path)"),
        (lambda x: btfkit.minimize(KERNEL, modules=[x]), "modules", ""),
        (lambda x: btfkit.minimize(KERNEL, keep_refs_of=[x]), "keep_refs_of", ""),
        (lambda x: btfkit.verify(x), "btf", ""),
        (lambda x: btfkit.diff(x, KERNEL), "old", ""),
        (lambda x: btfkit.diff(KERNEL, x), "new", ""),
        (lambda x: btfkit.find(x, "file"), "btf", ""),
        (lambda x: btfkit.users(x, "file"), "btf", ""),
        (lambda x: btfkit.layout(x, "file"), "btf", ""),
        (lambda x: btfkit.Layouts(x), "btf", ""),
        (lambda x: btfkit.offset(x, "file.f_op"), "btf", ""),
        (lambda x: btfkit.Target(x), "vmlinux", ""),
        (lambda x: btfkit.Target(KERNEL, [x]), "modules", ""),
        (lambda x: btfkit.relocations([], x), "vmlinux", ""),
        (lambda x: btfkit.dump([x]), "btfs", ""),
        (lambda x: btfkit.Builder(x), "base", ""),
        (lambda x: btfkit.Btf.from_bytes(KERNEL.to_bytes(), x), "base", ""),
        (lambda x: btfkit.open(KERNEL.to_bytes()).replace(x), "btf", ""),
        (lambda x: btfkit.open(KERNEL.to_bytes()).write("-", x), "btf", ""),
    ],
)
def test_a_path_where_a_btf_is_wanted(call, parameter, instead, given):
    with pytest.raises(TypeError) as caught:
        call(given)
    remedy = f"use btfkit.load(path){instead}"
    assert str(caught.value) == f"{parameter}: expected a Btf, got {type(given).__name__} {given!r}; {remedy}"


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: btfkit.dedup(btfkit.sort(KERNEL)), "got Sorted; use its .btf"),
        (lambda: btfkit.dedup(btfkit.open(KERNEL.to_bytes())), "got BtfFile; use its .btf()"),
        (lambda: btfkit.verify(None), "got NoneType; use btfkit.load(path)"),
    ],
)
def test_what_has_a_btf_where_a_btf_is_wanted(call, remedy):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == f"btf: expected a Btf, {remedy}"


@pytest.mark.parametrize("given", ["prog.bpf.o", ["prog.bpf.o"], [Path("prog.bpf.o")], [KERNEL]])
@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (lambda x: btfkit.minimize(KERNEL, x), "objects"),
        (lambda x: btfkit.relocations(x, KERNEL), "objects"),
        (lambda x: btfkit.distill(KERNEL, used_by=x), "used_by"),
        (lambda x: btfkit.diff(KERNEL, KERNEL, used_by=x), "used_by"),
        (lambda x: btfkit.dump(KERNEL, read_by=x), "read_by"),
    ],
)
def test_a_path_where_objects_are_wanted(call, parameter, given):
    with pytest.raises(
        TypeError, match=rf"^{parameter}: expected a list of BpfObjects, got .*btfkit.load_objects\(path\)$"
    ):
        call(given)


def test_iterators_where_lists_are_wanted():
    kernel = btfkit.Builder()
    kernel.int("int", 4)
    base = kernel.build()
    split = btfkit.Builder(base)
    split.struct("mine", 4, [("f", 1, 0)])
    module = split.build()
    small = btfkit.minimize(base, iter([]), iter([module]), keep_types=iter(["mine"]))
    assert small.used == (module,)
    assert [type_.name for type_ in small.module(module).types(own=True)] == ["mine"]
    assert btfkit.Target(base, iter([module])).modules == (module,)


@pytest.mark.parametrize(
    ("call", "allowed"),
    [
        (lambda: btfkit.find(KERNEL, "tcp_*", ["func"]), "function"),
        (lambda: btfkit.find(KERNEL, "tcp_close", ["func"]), "function"),
        (lambda: btfkit.diff(KERNEL, KERNEL, kinds=["structs"]), "struct"),
        (lambda: btfkit.minimize(KERNEL, closure="all"), "by-value"),
        (lambda: btfkit.distill(KERNEL, "all"), "by-value"),
        (lambda: btfkit.dump(KERNEL, "h"), "json"),
        (lambda: btfkit.minimize_archive("tree", None, [], pack="rar"), "tar.xz"),
    ],
)
def test_a_word_that_is_not_among_the_allowed_ones(call, allowed):
    with pytest.raises(ValueError, match=f"'(func|structs|all|h|rar)': expected one of .*{allowed}"):
        call()


@pytest.mark.parametrize("call", [btfkit.load, btfkit.open, btfkit.load_objects])
@pytest.mark.parametrize("path", [["vmlinux"], None, 7])
def test_what_is_not_a_path(call, path):
    with pytest.raises(TypeError, match=f"^expected a path or bytes, got {type(path).__name__}$"):
        call(path)


@pytest.mark.parametrize("name", btfkit.__all__)
def test_public_names_say_what_they_are(name):
    found = getattr(btfkit, name)
    assert isinstance(found, str) or found.__doc__, name


def test_results_have_a_btf_and_ids_and_say_what_they_are():
    kernel = btfkit.Builder()
    kernel.int("int", 4)
    kernel.struct("file", 4, [("a", 1, 0)])
    base = kernel.build()
    split = btfkit.Builder(base)
    split.struct("mine", 4, [("f", 2, 0)])
    module = split.build()
    distilled = btfkit.distill(module)
    results = {
        "minimized": btfkit.minimize(base, keep_types=["file"]),
        "deduped": btfkit.dedup(base),
        "sorted": btfkit.sort(base),
        "sanitized": btfkit.sanitize(base, ["enum64"]),
        "merged": btfkit.merge(base, [module]),
        "distilled": distilled,
        "reconciled": btfkit.reconcile(distilled.btf, base),
    }
    for word, result in results.items():
        assert isinstance(result.btf, btfkit.Btf)
        assert "<ids: " in repr(result.ids)
        assert repr(result).startswith(f"<{word}")
        assert result.report is not None, word


def test_the_reports_of_results():
    kernel = btfkit.Builder()
    kernel.int("int", 4)
    kernel.struct("file", 4, [("a", 1, 0)])
    kernel.ptr(2)
    kernel.enum64("big", [("x", 1)])
    base = kernel.build()
    small = btfkit.minimize(base, keep_types=["file"])
    assert small.report.types == (4, 2)
    assert small.report.bytes == (len(base.blob), len(small.btf.blob))
    assert small.report.relocations.total == 0
    done = btfkit.sort(base)
    assert (done.report.types, done.report.anonymous, done.report.sorted_already) == (4, 1, False)
    assert btfkit.sort(done.btf).report.sorted_already
    plain = btfkit.sanitize(base, ["enum64"])
    assert [(loss.feature, loss.count) for loss in plain.report.lost] == [("enum64", 1)]
    assert not plain.report.base_changed
    split = btfkit.Builder(base)
    split.struct("mine", 4, [("f", 2, 0)])
    assert btfkit.sanitize(split.build(), ["enum64"]).report.base_changed
