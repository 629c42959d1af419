"""Compile `btfkit.hot` if there is a C compiler; otherwise, or with BTFKIT_PURE=1, install the plain files.

Makes the manual pages, too.
"""

import os
import subprocess
import sys
from glob import glob

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SHARED = "btfkit.hot._shared"  # the code that all compiled loops share (Cython's memoryviews), loaded once
BUILD = "build/cython"
FLAGS = [] if os.name == "nt" else ["-O2", "-g0"]


def hot_extensions():
    """One optional extension for each file of `hot/` with a `.pyi`; if compiling fails, the plain files remain."""
    if os.environ.get("BTFKIT_PURE", "") not in ("", "0"):
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    sources = sorted(pyi[:-1] for pyi in glob("src/btfkit/hot/*.pyi"))
    extensions = cythonize(
        [Extension("btfkit.hot." + os.path.basename(py)[:-3], [py], extra_compile_args=FLAGS) for py in sources],
        build_dir=BUILD,
        shared_utility_qualified_name=SHARED,
        compiler_directives={"language_level": 3, "boundscheck": True, "wraparound": False},
    )
    extensions.insert(0, Extension(SHARED, [shared_source()], extra_compile_args=FLAGS))
    for extension in extensions:
        extension.optional = True  # set here, because cythonize (3.3) drops it
    return extensions


def shared_source():
    """The C source of the shared module, made by Cython."""
    os.makedirs(BUILD, exist_ok=True)
    path = os.path.join(BUILD, "_shared.c")
    subprocess.run([sys.executable, "-m", "cython", f"--generate-shared={path}"], check=True)
    with open(path, encoding="utf-8") as file:
        source = file.read()
    # Memoryviews would be registered as a `collections.abc.Sequence`, for `match`, which no loop uses.  That import is a tenth of
    # the time of `btfkit min`.  The code that Cython makes accepts that it fails, so it looks for `abc.abc` instead.
    source = source.replace("__pyx_kp_u_collections_abc}", "__pyx_n_u_abc}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(source)
    return path


class AllOrNothing(build_ext):
    """Compiled loops call each other, and all need the shared module: if one of them fails to compile, all stay plain."""

    def build_extensions(self):
        self.parallel = self.parallel or os.cpu_count()
        super().build_extensions()
        built = [self.get_ext_fullpath(extension.name) for extension in self.extensions]
        if not all(map(os.path.exists, built)):
            for path in filter(os.path.exists, built):
                os.remove(path)

    def get_outputs(self):
        return [path for path in super().get_outputs() if os.path.exists(path)]


def manual_pages():
    """The manual pages, made of the tables of the commands."""
    sys.path.insert(0, "src")
    from btfkit.cli.manual import write_pages

    return write_pages("build/man")


setup(
    ext_modules=hot_extensions(),
    cmdclass={"build_ext": AllOrNothing},
    data_files=[("share/man/man1", manual_pages())],
)
