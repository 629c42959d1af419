"""Real debug packages from end to end: `encode PACKAGE.deb -o NAME.btf.tar.xz` and a directory of them as an archive, beside the
real pahole on the vmlinux that is in each.

`BTFKIT_DEBUG_PACKAGES` is a directory with debug packages of Debian (linux-image-*-dbg_*.deb, 0.3 to 0.5 GB each); each takes a
minute or two.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import btfkit
from btfkit.cli import main
from btfkit.encoder.encode import DEFAULT_FEATURES
from encode_classes import Classes
from needs import lacks
from peer_tools import bench

pytestmark = pytest.mark.slow
FOLDER = os.environ.get("BTFKIT_DEBUG_PACKAGES", "")
PACKAGES = sorted(Path(FOLDER).glob("linux-image-*-dbg_*.deb")) if FOLDER else []
ARCHES = {"amd64": "x86_64", "arm64": "arm64", "s390x": "s390x", "ppc64el": "ppc64le"}
RELEASES = {"5.10": "11", "6.1": "12", "6.12": "13"}


# Functions whose definition has a cold part elsewhere (DW_AT_ranges, no address): pahole takes the names of the parameters from a
# weak definition, which the linker dropped.
NAMES_OF_THE_WEAK = {"arch_prepare_bpf_trampoline"}


def without_names(text: str) -> str:
    """The text of a function or prototype without the names of its parameters; that of another type as it is."""
    return re.sub(r"(?<=[( ])\w+:", ":", text) if text.startswith(("func ", "(")) else text


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Iterator[Path]:
    """The archive of all of them."""
    if not PACKAGES:
        lacks("packages")
    folder = tmp_path_factory.mktemp("archive")
    assert main(["encode", FOLDER, "-o", str(folder), "-q"]) == 0
    yield folder
    shutil.rmtree(folder)


def place(package: Path) -> str:
    """Where Debian's kernel belongs in BTFHub's layout, by the name of its package."""
    found = re.fullmatch(r"linux-image-((\d+\.\d+)\..*)-dbg_.*_(\w+)\.deb", package.name)
    assert found is not None
    uname, series, arch = found.groups()
    return f"debian/{RELEASES[series]}/{ARCHES[arch]}/{uname}.btf.tar.xz"


def btf_in(path: Path) -> bytes:
    with tarfile.open(path) as tar:
        (member,) = tar.getmembers()
        assert member.name == path.name.removesuffix(".tar.xz")
        file = tar.extractfile(member)
        assert file is not None
        return file.read()


def vmlinux_of(package: Path, folder: Path) -> Path:
    """The vmlinux of a package, unpacked by Python's own modules."""
    with package.open("rb") as file:
        assert file.read(8) == b"!<arch>\n"
        while head := file.read(60):
            size = int(head[48:58])
            if head.startswith(b"data.tar"):
                with tarfile.open(fileobj=file, mode=f"r|{head[9:16].decode().strip() or 'tar'}") as tar:
                    for member in tar:
                        if member.isfile() and "/boot/vmlinux-" in member.name:
                            with (folder / "vmlinux").open("wb") as out:
                                shutil.copyfileobj(tar.extractfile(member), out)  # type: ignore[arg-type]
                            return folder / "vmlinux"
            file.seek(size + size % 2, os.SEEK_CUR)
    raise AssertionError("no vmlinux in the package")


@pytest.mark.parametrize("package", PACKAGES or [None], ids=lambda one: one.name.partition("_")[0] if one else "none")
def test_the_types_of_a_package_are_those_of_pahole(archive, package, tmp_path) -> None:
    """All types, functions, variables and tags, up to their ids (and what docs/differences.md lists)."""
    ours = btf_in(archive / place(package))
    vmlinux = vmlinux_of(package, tmp_path)
    with bench("pahole") as b:
        options = [f"--btf_features={','.join(DEFAULT_FEATURES)}", "--lang_exclude=rust", "-j2"]
        b.run(["-J", *options, f"--btf_encode_detached={b.path('out')}", b.put("vmlinux", vmlinux)])
        theirs = b.get("out")
    assert theirs is not None
    their_texts, our_texts = Classes(theirs).texts(), Classes(ours).texts()
    only_ours, only_theirs = (
        sorted(map(without_names, found.elements())) for found in (our_texts - their_texts, their_texts - our_texts)
    )
    assert only_ours == only_theirs
    assert len(only_ours) <= 2 * len(NAMES_OF_THE_WEAK)
    assert {text.split()[1] for text in only_ours if text.startswith("func ")} <= NAMES_OF_THE_WEAK


def test_the_archive(archive) -> None:
    """The layout, the same bytes for one package alone, and nothing to do in a second run."""
    assert sorted(str(path.relative_to(archive)) for path in archive.rglob("*.tar.xz")) == sorted(map(place, PACKAGES))
    smallest = min(PACKAGES, key=lambda one: one.stat().st_size)
    alone = archive / Path(place(smallest)).name
    assert main(["encode", str(smallest), "-o", str(alone), "-q"]) == 0
    assert alone.read_bytes() == (archive / place(smallest)).read_bytes()
    alone.unlink()
    again = btfkit.encode_packages([FOLDER], str(archive))
    assert {one.status for one in again.packages} == {"unchanged"}
