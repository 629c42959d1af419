"""Compiles `btfkit.hot` where a C compiler is; installs the plain files where not, or with BTFKIT_PURE=1."""

import os
from glob import glob

from setuptools import Extension, setup


def hot_extensions():
    """One optional extension for each file of `hot/` that has a `.pxd`: a failed compilation leaves the plain file."""
    if os.environ.get("BTFKIT_PURE", "") not in ("", "0"):
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    extensions = [
        Extension(
            "btfkit.hot." + os.path.basename(pxd)[:-4],
            [pxd[:-3] + "py"],
            extra_compile_args=[] if os.name == "nt" else ["-O2", "-g0"],
        )
        for pxd in sorted(glob("src/btfkit/hot/*.pxd"))
    ]
    extensions = cythonize(
        extensions,
        build_dir="build/cython",
        compiler_directives={"language_level": 3, "boundscheck": True, "wraparound": False, "embedsignature": True},
    )
    for extension in extensions:
        extension.optional = True  # set here, for cythonize (3.3) drops it
    return extensions


setup(ext_modules=hot_extensions())
