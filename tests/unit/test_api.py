"""What holds for all of the public names."""

from __future__ import annotations

import pytest

import btfkit

KERNEL = btfkit.Builder().build()


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (lambda: btfkit.minimize(KERNEL, "prog.bpf.o"), "objects"),
        (lambda: btfkit.minimize(KERNEL, keep_types="struct file"), "keep_types"),
        (lambda: btfkit.minimize(KERNEL, keep_funcs="tcp_close"), "keep_funcs"),
        (lambda: btfkit.relocations("prog.bpf.o", KERNEL), "objects"),
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
