"""Bad input, item by item: exit status 3, one clear line with file and place, nothing written, bounded time and memory."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import pytest
from cli_inputs import environment, files, fill, refused, run, start
from test_extract import elf

import corpus
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.cli import main
from btfkit.files.elf import Elf
from btfkit.files.elf_write import replace_sections
from needs import lacks, needs

FIELDS = "fields.bpf.o"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def min_refused(capsys, vmlinux="bad", program=FIELDS) -> str:
    return refused(capsys, "min", vmlinux, "out", program)


# ---- the kernel ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "bad: file is empty"),
        (1, "bad: file has only one byte"),
        (7, "bad, header, byte 0x7: truncated header: 7 bytes, need 24"),
        (2000, "bytes follow the header: truncated file"),
        (-1, "bytes follow the header: truncated file"),
    ],
)
def test_truncated(capsys, here, size, said):
    (here / "bad").write_bytes((here / "vmlinux").read_bytes()[:size])
    assert said in min_refused(capsys)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bytes(5000), "file has only zeros: it was not written completely"),
        (b"<!DOCTYPE html><html>", "an HTML page: the download failed"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"[1] INT 'int' size=4", "a text dump of BTF"),
        (b"hello, world\n", "not BTF but text ('hello, world'...)"),
        (b"\x9e\xeb\x01\0" * 30, "nothing that contains BTF: begins with 9e eb 01 00"),
        (b"PK\3\4" + bytes(50), "a zip file: extract it first"),
    ],
)
def test_something_else(capsys, here, content, said):
    (here / "bad").write_bytes(content)
    message = min_refused(capsys)
    assert message.startswith("btfkit: bad")
    assert said in message


def test_wrong_endian(capsys, here):
    """Words the other way round than the magic says."""
    blob = (here / "vmlinux").read_bytes()
    (here / "bad").write_bytes(blob[1::-1] + blob[2:])
    assert "bad, header, byte" in min_refused(capsys)


def test_a_module_of_the_other_byte_order(capsys):
    message = refused(capsys, "min", "-B", "big", "mods/mod_one", "out", "module.bpf.o")
    assert "little-endian, but its base big is big-endian: for another machine" in message


def hostile(write, **options) -> bytes:
    b = Builder(order="little", **options)
    b.int("int", 4)
    write(b)
    return b.to_bytes()


STRUCT, TYPEDEF = 4, 8
HOSTILE = {
    "vlen at the limit": (
        lambda b: b.record(STRUCT, "s", 4, (), vlen=0xFFFFFF),
        "STRUCT with vlen 16777215 does not fit",
    ),
    "kind at the limit": (lambda b: b.record(127, "s"), "unknown kind 127 (this version knows 1 to 19)"),
    "id out of range": (lambda b: b.ptr(0x7FFFFFFF), "PTR refers to type 2147483647, but type ids end at 2"),
    "function of no prototype": (lambda b: b.func("f", 1), "expected a FUNC_PROTO"),
    "member out of range": (lambda b: b.struct("s", 4, [("x", 99, 0)]), "STRUCT refers to type 99"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(capsys, here, name):
    write, said = HOSTILE[name]
    (here / "bad").write_bytes(hostile(write))
    message = min_refused(capsys)
    assert message.startswith("btfkit: bad, types, type 2, byte ")
    assert said in message


def test_names_behind_the_strings(capsys, here):
    blob = bytearray(hostile(lambda b: b.typedef("t", 1)))
    blob[40:44] = (7).to_bytes(4, "little")  # the strings have 7 bytes
    (here / "bad").write_bytes(blob)
    assert "bad, types, type 2, byte 0x10: TYPEDEF refers to string offset 0x7, but strings end at 0x7" in min_refused(
        capsys
    )
    blob[-1] = 65
    (here / "bad").write_bytes(blob)
    assert "last string is not terminated (NUL)" in min_refused(capsys)


def test_cycles(capsys, here):
    """A cycle where a relocation looks is refused, elsewhere it does no harm; no loop goes on for ever."""
    names = [type_.name for type_ in Btf.from_bytes((here / "vmlinux").read_bytes()).types("STRUCT") if type_.name]
    (here / "bad").write_bytes(
        hostile(lambda b: (b.typedef("t", 3), b.typedef("u", 2), [b.struct(name, 8, [("", 3, 0)]) for name in names]))
    )
    message = min_refused(capsys)
    assert "which a relocation reads, leads to more than 256 modifiers, typedefs or arrays in a row" in message
    assert run(capsys, "relocs", FIELDS, "-b", "bad").status == 1
    (here / "bad").write_bytes(
        hostile(lambda b: (b.typedef("t", 3), b.typedef("u", 2), b.ptr(4), b.struct("s", 4, [("s", 5, 0)])))
    )
    assert run(capsys, "min", "bad", "out", FIELDS, "--keep-type", "t,s", "--closure", "full").status == 0
    for words in (["info", "bad"], ["dump", "bad"], ["verify", "bad"]):
        assert run(capsys, *words).status in (0, 1)


# ---- containers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_bomb(capsys, here, monkeypatch, pack):
    monkeypatch.setattr("btfkit.files.compression.LIMIT", 1 << 20)
    (here / "bad").write_bytes(pack(bytes(2 << 20)))
    assert "data decompresses to more than 1048576 bytes" in min_refused(capsys)
    (here / "bad.bpf.o").write_bytes(pack(bytes(2 << 20)))
    refused(capsys, "min", "vmlinux", "out", "bad.bpf.o")


def test_a_real_bomb_in_bounded_memory(here):
    """A GiB of zeros out of 1 MiB, and behind it more: 3 GiB of address space are enough."""
    import resource

    (here / "bad").write_bytes(gzip.compress(bytes(1 << 26), 1) * 17)

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))

    child = start(["min", "bad", "out", FIELDS], preexec_fn=limit)
    _, err = child.communicate()
    assert (child.returncode, b"decompresses to more than 1073741824 bytes" in err) == (3, True), err
    assert not (here / "out").exists()


@pytest.mark.parametrize("cut", [20, -20])
def test_a_packed_file_cut_short(capsys, here, cut):
    (here / "bad").write_bytes(gzip.compress((here / "vmlinux").read_bytes())[:cut])
    assert "bad" in min_refused(capsys)
    (here / "bad").write_bytes(gzip.compress((here / "vmlinux").read_bytes()) + b"behind it")
    assert "unexpected data after the gzip data" in min_refused(capsys)


def tar(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, "/etc/passwd", len(content)
            file.addfile(info, io.BytesIO(content))
    return out.getvalue()


def test_tars(capsys, here):
    blob = (here / "vmlinux").read_bytes()
    for name, kind in (("../x.btf", b"0"), ("a/../../x.btf", b"0"), ("x.btf", b"2"), ("x.btf", b"1"), ("x.btf", b"3")):
        (here / "bad").write_bytes(tar((name, blob if kind == b"0" else b"", kind)))
        assert min_refused(capsys) == "btfkit: bad: archive has no regular file"
    (here / "bad").write_bytes(tar(("a.btf", blob, b"0"), ("b.btf", blob, b"0")))
    assert "archive of several files (a.btf, b.btf...)" in min_refused(capsys)
    (here / "bad").write_bytes(tar(("a.btf", blob, b"0"))[:1500])
    assert "truncated tar" in min_refused(capsys)
    (here / "bad").write_bytes(tar(("../x.btf", b"", b"0"), ("good.btf", blob, b"0")))
    assert run(capsys, "min", "bad", "out", FIELDS).status == 0
    assert not (here.parent / "x.btf").exists()


def test_an_elf_that_lies(capsys, here):
    good = elf({".BTF": (here / "vmlinux").read_bytes()})
    table = int.from_bytes(good[40:48], "little")
    for at, value, said in (
        (40, 1 << 40, "after the end of the file at"),
        (60, 0xFFFF, "65535 section headers end at"),
        (62, 77, "section names are in section 77 of"),
        (table + 64 + 24, 1 << 62, "extend beyond the end of the file"),
        (table + 64 + 32, (1 << 64) - 1, "extend beyond the end of the file"),
        (table + 64 + 4, 8, "expected 1 (PROGBITS): this file has debug information only"),
        (4, 9, "class and byte order 09 01"),
    ):
        size = 8 if value > 0xFFFF else 1 if at == 4 else 2
        bad = bytearray(good)
        bad[at : at + size] = value.to_bytes(size, "little")
        (here / "bad").write_bytes(bad)
        message = min_refused(capsys)
        assert said in message
        assert message.startswith("btfkit: bad")


# ---- bases ---------------------------------------------------------------------------------------------------------


def test_a_module_without_its_base(capsys):
    message = refused(capsys, "min", "mods/mod_one", "out", "module.bpf.o")
    assert message.startswith("btfkit: mods/mod_one, strings, byte 0x0: ")
    assert "a module's BTF needs its base, the vmlinux that it was built with (-B FILE)" in message


@pytest.mark.parametrize("base", ["other", "dup"])
def test_a_base_of_another_kernel(capsys, base):
    message = refused(capsys, "min", "-B", base, "mods/mod_one", "out", "module.bpf.o")
    assert message.startswith("btfkit: mods/mod_one")
    assert "the base must be the vmlinux of the same build, not minimized" in message or "not built on" in message


def test_a_minimized_base(capsys):
    run(capsys, "min", "vmlinux", "small", "module.bpf.o")
    message = refused(capsys, "min", "-B", "small", "mods/mod_one", "out", "module.bpf.o")
    assert "the base must be the vmlinux of the same build, not minimized" in message
    assert "base small has 3 types" in message


def test_a_vmlinux_in_place_of_a_module(capsys):
    message = refused(capsys, "min", "-m", "vmlinux", "-o", "out", "vmlinux", FIELDS)
    assert message.startswith("btfkit: vmlinux: not split BTF but a BTF of its own, like that of a vmlinux")


def test_real_kernels_mixed_up(capsys, here):
    """A module on another kernel's vmlinux of nearly the same version, and on its own, minimized with by-value closure."""
    corpus.require_corpus()
    blob = corpus.modules("6.12.107+deb13-amd64")["nf_conntrack"]
    (here / "nf").write_bytes(blob)
    for kernel in ("6.12.94+deb13-amd64", "6.1.0-47-amd64"):
        message = refused(capsys, "min", "-B", corpus.kernel_path(kernel), "nf", "out", FIELDS)
        assert message.startswith("btfkit: nf")
        assert "the same build" in message


# ---- objects -------------------------------------------------------------------------------------------------------


def rebuilt(**sections) -> bytes:
    with open(FIELDS, "rb") as file:
        return replace_sections(
            Elf(file.read()), {"." + name.replace("_", "."): data for name, data in sections.items()}
        )


def test_objects(capsys, here):
    good = (here / FIELDS).read_bytes()
    for content, said in (
        (rebuilt(BTF=None), "no .BTF section: the program was compiled without -g, or stripped"),
        (rebuilt(BTF_ext=b"\x9f\xeb\1"), ".BTF.ext header"),
        (rebuilt(BTF=b""), "not BTF: begins with nothing"),
        (good[:30], "truncated ELF header: 30 bytes, need 64"),
        (good[:3000], "truncated file"),
        (b"", "file is empty"),
        (b"int main", "not BTF but text"),
        (b"\xde\xc0\x17\x0b" + bytes(40), "LLVM bitcode"),
        (elf({".text": b"x"}).replace(b"\xf7\0", b">\0", 1), "no BPF object"),
    ):
        (here / "bad.o").write_bytes(content)
        message = min_refused(capsys, "vmlinux", "bad.o")
        assert message.startswith("btfkit: bad.o")
        assert said in message
        assert refused(capsys, "relocs", "bad.o", "-b", "vmlinux") == message
    assert "vmlinux: expected a BPF object" in refused(capsys, "min", "vmlinux", "out", "vmlinux")


def test_a_symbol_table_that_lies_costs_names_only(capsys, here):
    good = bytearray((here / FIELDS).read_bytes())
    for section in Elf(bytes(good)).sections:
        if section.name == ".symtab":
            table = int.from_bytes(good[40:48], "little") + 64 * section.index
            good[table + 40 : table + 44] = (0xFFFF).to_bytes(4, "little")
    (here / "bad.o").write_bytes(good)
    said = run(capsys, "relocs", "bad.o", "-b", "vmlinux")
    assert said.status == 1
    assert "+0 " in said.out


def test_files_that_cannot_be_read(capsys, here):
    assert refused(capsys, "min", "none", "out", FIELDS) == "btfkit: none: No such file or directory"
    assert refused(capsys, "min", "vmlinux", "out", "none.o") == "btfkit: none.o: No such file or directory"
    assert (
        refused(capsys, "min", "mods", "out", FIELDS)
        == "btfkit: mods: a directory, not a file: name a file in it (--archive TREE)"
    )
    assert (
        refused(capsys, "min", "-m", "none", "-o", "out", "vmlinux", FIELDS)
        == "btfkit: none: No such file or directory"
    )
    os.symlink("loop", "loop")
    assert "loop: Too many levels of symbolic links" in refused(capsys, "min", "loop", "out", FIELDS)
    (here / "strange\n\x1b[31m").write_bytes(b"text")
    assert "strange\\n\\x1b[31m" in refused(capsys, "min", "strange\n\x1b[31m", "out", FIELDS)


# ---- output --------------------------------------------------------------------------------------------------------


def test_outputs_that_cannot_be_written(capsys, here):
    assert refused(capsys, "min", "vmlinux", "mods", FIELDS) == "btfkit: mods: Is a directory"
    assert "vmlinux" in refused(capsys, "min", "vmlinux", "-o", "vmlinux", FIELDS)
    assert "Not a directory" in refused(capsys, "min", "vmlinux", "vmlinux/out", FIELDS)


@needs("platform", os.path.exists("/dev/full"), "/dev/full")
def test_a_full_disk(capsys):
    assert refused(capsys, "min", "vmlinux", "/dev/full", FIELDS) == "btfkit: /dev/full: No space left on device"


def test_a_full_disk_keeps_the_old_file(capsys, here, monkeypatch):
    """ENOSPC in the middle of the second of two files: neither is there, and the old one stays."""
    from errno import ENOSPC

    (here / "out").mkdir()
    (here / "out" / "vmlinux").write_bytes(b"old")
    real, calls = os.write, []

    def write(handle, data):
        calls.append(len(data))
        if len(calls) == 2:
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        return real(handle, data[:100])

    monkeypatch.setattr(os, "write", write)
    message = refused(capsys, "min", "-m", "mods", "-o", "out", "vmlinux", "module.bpf.o")
    assert message == "btfkit: out/vmlinux: No space left on device"
    assert (here / "out" / "vmlinux").read_bytes() == b"old"


def test_a_full_file_system(here):
    """A tmpfs of one page, where this process may mount one."""
    disk = here / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", disk]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        lacks("mount")
    try:
        child = start(["min", "vmlinux", "disk/out", "--keep-type", "mix", "--closure", "full", FIELDS, "types.bpf.o"])
        assert child.wait() in (0, 3)
        (disk / "filler").write_bytes(bytes(4096 if not list(disk.iterdir()) else 0))
        child = start(["min", "vmlinux", "disk/more", FIELDS])
        _, err = child.communicate()
        if child.returncode == 0:
            lacks("platform", "a tmpfs that counts its pages")
        assert err == b"btfkit: disk/more: No space left on device\n"
        assert not [name for name in os.listdir(disk) if name.endswith(".tmp") or name == "more"]
    finally:
        subprocess.run(["umount", disk])


def test_a_read_only_folder(capsys, here):
    (here / "locked").mkdir()
    assert run(capsys, "min", "vmlinux", "locked/out", FIELDS).status == 0  # and now everything is imported
    os.unlink("locked/out")
    os.chmod(here / "locked", 0o555)
    root = os.geteuid() == 0
    if root:  # who may write anywhere
        folder = here
        while folder.name.startswith(("test_", "pytest-", "popen-")):  # pytest's own, for their owner alone
            os.chmod(folder, 0o755)
            folder = folder.parent
        os.seteuid(65534)
    try:
        assert refused(capsys, "min", "vmlinux", "locked/out", FIELDS) == "btfkit: locked/out: Permission denied"
        assert os.listdir("locked") == []
    finally:
        if root:
            os.seteuid(0)


# ---- interrupts and pipes ------------------------------------------------------------------------------------------


def test_ctrl_c_while_it_waits_for_input(here):
    """SIGINT to a process that reads a pipe: quiet, at once, nothing written."""
    os.mkfifo("fifo")
    child = start(["min", "fifo", "out", FIELDS])
    with open("fifo", "wb") as pipe:  # opens when the child does
        pipe.write(b"\x9f\xeb")
        pipe.flush()
        deadline = time.monotonic() + 300
        while child.poll() is None and time.monotonic() < deadline:
            child.send_signal(signal.SIGINT)
            time.sleep(0.05)
    _, err = child.communicate()
    assert child.returncode in (3, -signal.SIGINT)
    assert b"Traceback" not in err
    assert not (here / "out").exists()


@pytest.mark.parametrize("at", ["os.write", "os.link", "os.replace"])
def test_ctrl_c_while_it_writes(capsys, here, monkeypatch, at):
    def interrupted(*args, **more):
        raise KeyboardInterrupt

    command = ("min", "-m", "mods", "-o", "out", "vmlinux", "module.bpf.o")
    if at == "os.replace":  # of outputs that are there already
        assert run(capsys, *command).status == 0
    elif at == "os.link" and not hasattr(os, "O_TMPFILE"):
        pytest.skip("files without a name: Linux")
    before = files(here)
    monkeypatch.setattr(at, interrupted)
    said = run(capsys, *command)
    assert (said.status, said.err) == (3, "btfkit: interrupted\n")
    assert files(here) == before


@pytest.mark.parametrize(
    "words", [["relocs", FIELDS, "-b", "vmlinux"], ["min", "vmlinux", "-", FIELDS, "-q"], ["dump", "vmlinux"]]
)
def test_a_closed_pipe_is_quiet(here, words):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "btfkit", *words]
    done = subprocess.run(command, env=environment(), stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert b"roken pipe" not in done.stderr


def test_out_of_memory_is_said(capsys, monkeypatch):
    def full(*args, **more):
        raise MemoryError

    monkeypatch.setattr("btfkit.btf_file.open_container", full)
    assert refused(capsys, "min", "vmlinux", "out", FIELDS) == "btfkit: out of memory"


def test_a_bug_keeps_its_traceback(monkeypatch):
    def broken(*args, **more):
        raise ZeroDivisionError

    monkeypatch.setattr("btfkit.btf_file.open_container", broken)
    with pytest.raises(ZeroDivisionError):
        main(["min", "vmlinux", "out", FIELDS])


@pytest.mark.parametrize(
    "words",
    [
        ("info", ""),
        ("sort", "", "-o", "out"),
        ("merge", "vmlinux", "", "-o", "out"),
        ("bundle", "create", "out", ""),
        ("encode", "", "-o", "out"),
    ],
)
def test_an_empty_name(capsys, words):
    assert "''" in refused(capsys, *words) or "an empty name" in refused(capsys, *words)


def test_names_are_shown_as_they_were_given(here, capsys):
    """A file of the current directory is not ./FILE, and a byte that is not UTF-8 is that byte."""
    assert refused(capsys, "check", FIELDS, "--kernels", "gone") == "btfkit: gone: No such file or directory"
    assert refused(capsys, "info", "gone\udcff") == "btfkit: gone\\xff: No such file or directory"
    (here / "-").write_bytes((here / "vmlinux").read_bytes())
    assert run(capsys, "check", FIELDS, "--kernels", "./-", "-j1").status in (0, 1)


def test_an_empty_file_has_no_dwarf(here, capsys):
    (here / "empty").write_bytes(b"")
    assert refused(capsys, "encode", "empty", "-o", "out") == "btfkit: empty: file is empty"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("sort", "vmlinux", "-o", "out", "-j", "0"), "-j/--jobs: expected a number of at least 1, got 0"),
        (("sort", "vmlinux", "-o", "out", "-j", "many"), "-j/--jobs: expected a number, got 'many'"),
        (("dump", "vmlinux", "--id", "int"), "--id: expected a number, got 'int'"),
        (("layout", "vmlinux", "-H", "0"), "-H/--holes: expected a number of at least 1, got 0"),
        (("sort", "mods/mod_one", "-B", "", "-o", "out"), "-B/--base: expected FILE, got nothing (an empty word)"),
        (("sort", "mods/mod_one", "--base=", "-o", "out"), "-B/--base: expected FILE, got nothing (an empty word)"),
        (("sort", "vmlinux", "-o", ""), "-o/--output: expected OUT, got nothing"),
        (("check", FIELDS, "--kernels", "vmlinux", "--html", ""), "--html: expected FILE, got nothing"),
        (("layout", "vmlinux", "--html="), "--html: expected FILE, got nothing"),
        (("check", FIELDS, "--kernels", ""), "--kernels: expected PATH, got nothing"),
    ],
)
def test_values_of_options(capsys, words, what):
    assert f"argument {what}" in run(capsys, *words).err
    assert run(capsys, *words).status == 2


def test_a_device_has_no_base_beside_it(here, capsys):
    said = refused(capsys, "distill", "mods/mod_one", "-B", "vmlinux", "-o", os.devnull)
    assert "raw BTF becomes two files, and there is no file name for the base" in said
    assert not os.path.exists(os.devnull + ".base")
    assert (
        run(capsys, "distill", "mods/mod_one", "-B", "vmlinux", "-o", os.devnull, "--base-out", os.devnull).status == 0
    )


def test_an_archive_in_place_of_a_file(here, capsys):
    (here / "k").mkdir()
    shutil.copyfile(here / "vmlinux", here / "k" / "5.1.btf")
    said = refused(capsys, "min", "--archive", "k", "-o", "other", FIELDS, "-j1")
    assert said == f"btfkit: {here}/other: Not a directory" or said == "btfkit: other: Not a directory"
