"""`btfkit pahole` against the real pahole: the same command lines on a whole kernel.

pahole shows one of several structs that it takes for the same (it does not compare the types of members), and depends on what it
printed before about packing (`test_layout_peers.known`); nothing else may differ.
"""

from __future__ import annotations

from collections import Counter

import pytest
from test_layout_peers import known, pictures

import corpus
from btfkit.cli.pahole import run
from peer_tools import pahole

KERNEL = "6.12.107+deb13-amd64"
KERNELS = [name for name in corpus.kernels() if name == KERNEL]
LISTS = (
    "-s", "-s -t,", "-n", "-N", "-s -a", "-H 3 -s", "-B 2 -s", "-z 32", "--padding_ge=32 -n", "-i list_head", "-i sk_buff",
    "-f task_struct", "-s --packed", "-s --unions", "-n --structs", "-s -y tcp_", "-s -x tcp_", "-s --with_flexible_array",
)  # fmt: skip
PICTURES = ("-H 3", "-B 2", "--packed", "--unions", "-y tcp_", "--with_flexible_array", "--hex", "--sort")
NAMED = (
    "-C sk_buff,file", "-E -C sk_buff", "--hex -C sk_buff", "-C pid_t,zone_type,rwlock_t,irqreturn_t", "-s -C file,sk_buff",
    "-c 128 -C task_struct", "-R -C inet_frag_queue", "-R -S -C inet_frag_queue", "-R -S -C list_head",
)  # fmt: skip


def ours(capfdbinary, path: str, words: str) -> str:
    capfdbinary.readouterr()
    assert run([*words.split(), path]) == 0
    return capfdbinary.readouterr().out.decode()


@pytest.mark.parametrize("words", NAMED)
@pytest.mark.parametrize("kernel", KERNELS)
def test_by_name(capfdbinary, kernel, words) -> None:
    path = corpus.kernel_path(kernel)
    assert ours(capfdbinary, path, words) == pahole(path, "-F", "btf", *words.split())


@pytest.mark.slow
@pytest.mark.parametrize("words", LISTS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_lists(capfdbinary, kernel, words) -> None:
    path = corpus.kernel_path(kernel)
    here = Counter(ours(capfdbinary, path, words).splitlines())
    there = Counter(pahole(path, "-F", "btf", *words.split()).splitlines())
    assert here.keys() == there.keys()
    assert there <= here
    assert (here - there).total() <= 8  # twins


@pytest.mark.slow
@pytest.mark.parametrize("words", PICTURES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_pictures(capfdbinary, kernel, words) -> None:
    path = corpus.kernel_path(kernel)
    here = Counter(map(known, pictures(ours(capfdbinary, path, words))))
    there = Counter(map(known, pictures(pahole(path, "-F", "btf", *words.split()))))
    assert there <= here
    assert (here - there).total() <= 8
