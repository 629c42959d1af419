"""Programs as users have them on real kernels: the verifier takes what btfkit's CO-RE engine finds no fault with."""

from __future__ import annotations

from pathlib import Path

import pytest
from machine import require_kernel
from programs import load
from workshop import encoded

pytestmark = pytest.mark.slow

OPENSNOOP = Path(__file__).resolve().parents[1] / "data" / "opensnoop-libbpf.bpf.o"
KFUNC = Path(__file__).with_name("kfunc.bpf.o")


def test_programs_are_loaded() -> None:
    """Also one that calls a function of a module, by the module's BTF; without the module it is refused."""
    kernel = require_kernel("now")
    objects = {"opensnoop": OPENSNOOP.read_bytes(), "kfunc": KFUNC.read_bytes()}
    found = load(kernel, objects, {"btfkit_demo": encoded(kernel, kernel)})
    assert len(found["opensnoop"].programs) == 6, found["opensnoop"].log[-2000:]
    assert found["kfunc"].programs == ("call",), found["kfunc"].log[-2000:]
    assert "CO-RE relocating" in found["opensnoop"].log
    alone = load(kernel, {"kfunc": objects["kfunc"]})["kfunc"]
    assert not alone
    assert "btfkit_demo_twice" in alone.log
