"""`btfkit.fleet.tree`: which kernels a tree has, and what its oddities lead to."""

from __future__ import annotations

import lzma
import os
import pickle

import pytest
from archive_inputs import deb, rpm
from test_files_inputs import tar_of

from bpf import cases
from btfkit.errors import AmbiguousError, BtfError, ChainError, FormatError, NotFoundError
from btfkit.fleet.store import Folder
from btfkit.fleet.tree import find_kernels

BTF, MODULES = cases.target_bytes("a.x86_64+modules")
OTHER = cases.target_bytes("b.x86_64")[0]


def put(root, path, data=BTF):
    full = root / path
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_bytes(data)


def tar_xz(data, name="x.btf"):
    return lzma.compress(tar_of((name, data, b"0")))


def found(root, **options):
    return [(str(kernel.key), kernel.stem) for kernel in find_kernels([str(root)], **options).kernels]


def test_btfhubs_layout_and_every_packing(tmp_path):
    put(tmp_path, "debian/12/x86_64/6.1.0-9-amd64.btf.tar.xz", tar_xz(BTF))
    put(tmp_path, "debian/12/x86_64/6.1.0-10-amd64.btf", BTF)
    put(tmp_path, "debian/9/arm64/4.9.btf.xz", lzma.compress(OTHER))
    put(tmp_path, "ubuntu/20.04/x86_64/5.4.0-42-generic.btf.tar", tar_of(("a", BTF, b"0")))
    put(tmp_path, "README.md", b"text")
    put(tmp_path, ".git/objects/1.btf", BTF)
    tree = find_kernels([str(tmp_path)])
    assert [kernel.stem for kernel in tree.kernels] == [
        "debian/9/arm64/4.9",
        "debian/12/x86_64/6.1.0-9-amd64",
        "debian/12/x86_64/6.1.0-10-amd64",
        "ubuntu/20.04/x86_64/5.4.0-42-generic",
    ]
    assert tree.kernels[0].key.parts == ("debian", "9", "arm64", "4.9")
    assert [kernel.load().vmlinux.blob for kernel in tree.kernels] == [OTHER, BTF, BTF, BTF]
    assert (tree.ignored, tree.problems, tree.marks) == (1, [], [])


def test_a_folder_with_modules(tmp_path):
    home = "debian/12/x86_64/6.1.0-47-amd64"
    put(tmp_path, f"{home}/vmlinux", BTF)
    put(tmp_path, f"{home}/kernel/net/mod_one.ko.xz", lzma.compress(MODULES["mod_one"]))
    put(tmp_path, f"{home}/mod_two", MODULES["mod_two"])
    put(tmp_path, f"{home}/modules", b"no BTF, like modules.dep\n")
    put(tmp_path, f"{home}/modules.dep", b"text")
    (kernel,) = find_kernels([str(tmp_path)]).kernels
    assert kernel.is_directory
    assert (str(kernel.key), kernel.stem) == (home, home)
    chain = kernel.load()
    assert [btf.blob for btf in chain.modules] == [MODULES["mod_one"], MODULES["mod_two"]]
    assert chain.names == [f"{home}/kernel/net/mod_one.ko.xz", f"{home}/mod_two"]
    assert all(btf.base is chain.vmlinux for btf in chain.modules)


def test_the_root_may_be_the_folder_of_a_kernel(tmp_path):
    root = tmp_path / "6.1.0-47-amd64"
    put(root, "vmlinux.btf.xz", lzma.compress(BTF))
    put(root, "mod_one.btf", MODULES["mod_one"])
    (kernel,) = find_kernels([str(root)]).kernels
    assert kernel.key.parts == ("", "", "x86_64", "6.1.0-47-amd64")
    assert kernel.name == str(root)
    assert len(kernel.load().modules) == 1


def test_boot_images_by_name(tmp_path):
    for name in (
        "vmlinuz-6.1.0-47-amd64",
        "vmlinux-5.10.xz",
        "Image-6.2.gz",
        "config-6.1",
        "initrd.img-6.1",
        "linux-headers",
    ):
        put(tmp_path, name)
    os.symlink("vmlinuz-6.1.0-47-amd64", tmp_path / "vmlinuz")
    put(tmp_path, "6.3/vmlinuz-6.3")
    assert [kernel.key.uname for kernel in find_kernels([str(tmp_path)]).kernels] == [
        "5.10",
        "6.2",
        "6.3",
        "6.1.0-47-amd64",
    ]


def test_files_of_any_name(tmp_path):
    put(tmp_path, "debian/12/x86_64/6.1.btf")
    put(tmp_path, "whatever")
    kernels = find_kernels([str(tmp_path / "whatever"), str(tmp_path / "debian/12/x86_64/6.1.btf")]).kernels
    assert [kernel.key.parts for kernel in kernels] == [("", "", "", "whatever"), ("debian", "12", "x86_64", "6.1")]
    assert [kernel.load().vmlinux.blob for kernel in kernels] == [BTF, BTF]
    with pytest.raises(FileNotFoundError):
        find_kernels([str(tmp_path / "absent")])


def test_markers(tmp_path):
    put(tmp_path, "debian/12/x86_64/6.1.hasbtf", b"")
    put(tmp_path, "debian/12/x86_64/5.9.failed", b"")
    put(tmp_path, "debian/12/x86_64/5.10.failed", b"")
    put(tmp_path, "debian/12/x86_64/5.10.btf")
    put(tmp_path, "debian/12/x86_64/5.11.btf")
    tree = find_kernels([str(tmp_path)])
    assert [kernel.key.uname for kernel in tree.kernels] == ["5.11"]
    assert [(mark.key.uname, mark.what, len(mark.over)) for mark in tree.marks] == [
        ("5.9", "failed", 0),
        ("5.10", "failed", 1),
        ("6.1", "hasbtf", 0),
    ]
    assert [uname for _, uname in found(tmp_path, heed_markers=False)] == [
        "debian/12/x86_64/5.10",
        "debian/12/x86_64/5.11",
    ]


def test_loops_end_and_no_kernel_comes_twice(tmp_path):
    put(tmp_path, "debian/10/x86_64/4.19.btf")
    os.symlink("10", tmp_path / "debian" / "buster")
    os.symlink("..", tmp_path / "debian" / "up")
    os.symlink(".", tmp_path / "a-loop")
    os.symlink("itself", tmp_path / "itself")
    os.symlink("nowhere.btf", tmp_path / "dangling.btf")
    outside = tmp_path.parent / (tmp_path.name + "-outside")
    put(outside, "x86_64/5.4.btf")
    os.symlink(outside, tmp_path / "outside")
    os.symlink(tmp_path, outside / "back")
    tree = find_kernels([str(tmp_path)])
    assert [kernel.stem for kernel in tree.kernels] == ["outside/x86_64/5.4", "debian/10/x86_64/4.19"]
    assert [os.path.basename(path) for path, _ in tree.problems] == ["dangling.btf", "itself"]


def test_odd_names(tmp_path):
    for name in ("5.4\nrm -rf.btf", "5.4 \x1b[31m.btf", "-q.btf", "ünï.btf", ".btf", "a.btf.btf"):
        put(tmp_path, name)
    raw = os.fsencode(str(tmp_path)) + b"/\xff\xfe.btf"
    with open(raw, "wb") as file:
        file.write(BTF)
    tree = find_kernels([str(tmp_path)])
    assert len(tree.kernels) == 6
    assert all("\n" not in kernel.name and "\x1b" not in kernel.name for kernel in tree.kernels)
    for kernel in tree.kernels:
        assert kernel.load().vmlinux.blob == BTF


def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "5.4.btf")
    tree = find_kernels([str(tmp_path)])
    assert (tree.kernels, tree.problems) == ([], [(str(tmp_path / "5.4.btf"), "not a regular file")])


def test_two_files_for_one_kernel(tmp_path):
    put(tmp_path, "x86_64/5.4.btf")
    put(tmp_path, "x86_64/5.4.btf.tar.xz", tar_xz(BTF))
    (kernel,) = find_kernels([str(tmp_path)]).kernels
    assert len(kernel.paths) == 2
    assert kernel.load().vmlinux.blob == BTF
    put(tmp_path, "x86_64/5.4.btf.xz", lzma.compress(OTHER))
    (kernel,) = find_kernels([str(tmp_path)]).kernels
    with pytest.raises(AmbiguousError, match=r"two different files for one kernel.*5\.4\.btf and 5\.4\.btf\.xz"):
        kernel.load()


def test_bad_modules_are_left_out_where_that_is_wanted(tmp_path):
    put(tmp_path, "5.4/vmlinux")
    put(tmp_path, "5.4/mod_one.btf", MODULES["mod_one"][:-9])
    put(tmp_path, "5.4/mod_two.btf", MODULES["mod_two"])
    (kernel,) = find_kernels([str(tmp_path)]).kernels
    with pytest.raises(BtfError, match="mod_one"):
        kernel.load()
    errors = []
    assert len(kernel.load(on_error=errors.append).modules) == 1
    assert len(errors) == 1


def test_bad_kernels_raise_when_loaded(tmp_path):
    put(tmp_path, "1.btf", b"")
    put(tmp_path, "2.btf.tar.xz", b"<!DOCTYPE html>")
    put(tmp_path, "3.btf.xz", lzma.compress(BTF)[:-30])
    put(tmp_path, "4.btf.tar.xz", lzma.compress(tar_of(("../../etc/x.btf", BTF, b"0"))))
    put(tmp_path, "5.btf", MODULES["mod_one"])
    for kernel in find_kernels([str(tmp_path)]).kernels:
        with pytest.raises(BtfError) as caught:
            kernel.load()
        assert str(tmp_path) in str(caught.value)
        assert isinstance(caught.value, FormatError | ChainError) or kernel.key.uname == "4"


def test_kernels_go_to_other_processes(tmp_path):
    put(tmp_path, "debian/12/x86_64/6.1.btf")
    kernel = pickle.loads(pickle.dumps(find_kernels([str(tmp_path)]).kernels[0]))
    assert kernel.load().vmlinux.blob == BTF
    assert str(kernel.key) == "debian/12/x86_64/6.1"


def test_a_folder_is_written_atomically_and_cleaned_up(tmp_path):
    store = Folder(str(tmp_path))
    store.write("a/b/c", b"1")
    first = store.stamp("a/b/c")
    store.write("a/b/c", b"22")
    assert bytes(store.read("a/b/c")) == b"22"
    assert store.stamp("a/b/c") not in ("", first)
    store.remove("a/b/c")
    store.remove("a/b/c")
    assert os.listdir(tmp_path) == []
    assert store.stamp("a/b/c") == ""


def test_only_modules_that_are_wanted_stay(tmp_path):
    put(tmp_path, "6.2/vmlinux", BTF)
    for name, blob in MODULES.items():
        put(tmp_path, f"6.2/{name}", blob)
    (kernel,) = find_kernels([str(tmp_path)]).kernels
    chain = kernel.load(wanted=lambda module: module.blob == MODULES["mod_two"])
    assert (chain.names, chain.unwanted) == (["6.2/mod_two"], 1)


@pytest.mark.parametrize("name", ["fields.el", "types.el", "module.el", "ambiguous.el", "enums.el"])
def test_a_module_without_a_root_can_be_left_out(tmp_path, name):
    """What `Roots` says no to changes no answer, and nothing of it is kept."""
    import btfkit
    from btfkit.co_re.relocate import roots

    (tmp_path / "x.bpf.o").write_bytes(cases.object_bytes(name))
    objects = btfkit.load_objects(str(tmp_path / "x.bpf.o"))
    vmlinux = btfkit.Btf.from_bytes(BTF)
    modules = [btfkit.Btf.from_bytes(blob, vmlinux) for blob in MODULES.values()]
    can = [module for module in modules if roots(objects).are_in(module)]
    whole, part = btfkit.minimize(vmlinux, objects, modules), btfkit.minimize(vmlinux, objects, can)
    assert set(whole.used) <= set(can)
    assert [m.blob for m in whole.used] == [m.blob for m in part.used]
    assert whole.btf.to_bytes() == part.btf.to_bytes()
    for module in part.used:
        assert whole.module(module).to_bytes() == part.module(module).to_bytes()


# ---- packages and images of other kinds --------------------------------------------------------------------------


def test_packages(tmp_path):
    """The packages of a kernel belong together, whichever of them has the kernel."""
    modules = {f"lib/modules/6.1.0-9-amd64/kernel/{name}.ko": blob for name, blob in MODULES.items()}
    first = "debian/12/x86_64/linux-image-6.1.0-9-amd64_6.1.90-1_amd64.deb"
    put(tmp_path, first, deb({"boot/vmlinuz-6.1.0-9-amd64": BTF, **modules}, lzma.compress, ".xz"))
    put(tmp_path, "new/linux-image-7.2+deb14-amd64_7.2-1_amd64.deb", deb({"usr/share/doc/x/copyright": b"text"}))
    put(tmp_path, "new/linux-binary-7.2+deb14-amd64_7.2-1_amd64.deb", deb({"usr/lib/modules/7.2/vmlinuz": BTF}))
    put(tmp_path, "new/linux-modules-7.2+deb14-amd64_7.2-1_amd64.deb", deb(modules))
    put(
        tmp_path,
        "fedora/kernel-core-6.12.0-55.fc42.x86_64.rpm",
        rpm({"lib/modules/6.12.0/vmlinuz": BTF}, lzma.compress),
    )
    put(tmp_path, "fedora/kernel-modules-6.12.0-55.fc42.x86_64.rpm", rpm(modules, lzma.compress))
    put(tmp_path, "new/linux-image-7.2+deb14-amd64-dbg_7.2-1_amd64.deb", b"not looked at")
    put(tmp_path, "new/bash_5.2_amd64.deb", b"not looked at")
    tree = find_kernels([str(tmp_path)])
    assert {str(kernel.key): kernel.stem for kernel in tree.kernels} == {
        "x86_64/6.12.0-55.fc42.x86_64": "fedora/6.12.0-55.fc42.x86_64",
        "x86_64/7.2+deb14-amd64": "new/7.2+deb14-amd64",
        "debian/12/x86_64/6.1.0-9-amd64": "debian/12/x86_64/6.1.0-9-amd64",
    }
    assert tree.ignored == 2
    for kernel in tree.kernels:
        loaded = pickle.loads(pickle.dumps(kernel)).load()
        assert loaded.vmlinux.blob == BTF
        assert {name.rpartition("/")[2] for name in loaded.names} == {f"{name}.ko" for name in MODULES}
    (one,) = find_kernels([str(tmp_path / first)]).kernels
    assert (str(one.key), len(one.load().modules)) == ("debian/12/x86_64/6.1.0-9-amd64", len(MODULES))
    alone = tmp_path / "new/linux-modules-7.2+deb14-amd64_7.2-1_amd64.deb"
    with pytest.raises(NotFoundError, match=r"no kernel in linux-modules-.*: put the package that has it"):
        find_kernels([str(alone)]).kernels[0].load()
    with pytest.raises(FormatError, match=r"not a package"):
        find_kernels([str(tmp_path / "new/bash_5.2_amd64.deb")]).kernels[0].load()


def test_a_bad_module_in_a_package(tmp_path):
    put(tmp_path, "linux-image-6.1_1_amd64.deb", deb({"boot/vmlinuz-6.1": BTF, "a.ko": b"damaged", **MODULES}))
    (kernel,) = find_kernels([str(tmp_path)]).kernels
    with pytest.raises(FormatError, match=r"linux-image-6\.1_1_amd64\.deb\(a\.ko\)"):
        kernel.load()
    errors = []
    assert len(kernel.load(on_error=errors.append).modules) == len(MODULES)
    assert len(errors) == 1


@pytest.mark.parametrize(
    ("name", "uname"),
    [
        ("0123456789abcdef0123456789abcdef-6.12.1-amd64.efi", "6.12.1-amd64"),
        ("0123456789abcdef0123456789abcdef-6.12.1+deb13-amd64+3-0.efi", "6.12.1+deb13-amd64"),
        ("linux-6.12.1.efi", "6.12.1"),
        ("uki-6.12.1.efi", "6.12.1"),
        ("vmlinuz-6.12.1.efi", "6.12.1"),
        ("6.6.1-vendor.itb", "6.6.1-vendor"),
        ("fitImage-6.6.1", "6.6.1"),
        ("boot-5.15.1-android13.img", "5.15.1-android13"),
    ],
)
def test_images_that_hold_a_kernel(tmp_path, name, uname):
    put(tmp_path, f"a/{name}")
    assert [(kernel.key.uname, kernel.stem) for kernel in find_kernels([str(tmp_path)]).kernels] == [
        (uname, f"a/{uname}")
    ]


def test_images_without_a_version(tmp_path):
    for name in ("boot.img", "fitImage", "linux.efi"):
        put(tmp_path, f"of-{name}/{name}")
    for other in ("grubx64.efi", "shimx64.efi", "initrd.img-6.1", "initramfs-6.1.img", "vendor_boot.img"):
        put(tmp_path, f"other/{other}")
    tree = find_kernels([str(tmp_path)])
    assert [kernel.stem for kernel in tree.kernels] == ["of-boot.img", "of-fitImage", "of-linux.efi"]
    assert tree.ignored == 5
