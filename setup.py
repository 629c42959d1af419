"""Compile `btfkit.hot` if there is a C compiler; otherwise, or with BTFKIT_PURE=1, install the plain files.

Makes the manual pages, too.

The compiled form is for one version of Python.  Cython's limited API (abi3: one wheel for all versions) was measured on x86-64
with Python 3.11: `min` takes 39 % more CPU time, `dump` 34 %, `dedup` 15 %.  It is not used, since 5 % was the limit.
"""

import os
import re
import subprocess
import sys
from glob import glob
from importlib.machinery import EXTENSION_SUFFIXES

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

SHARED = "btfkit.hot._shared"  # the code that all compiled loops share (Cython's memoryviews), loaded once
BUILD = "build/cython"
FLAGS = [] if os.name == "nt" else ["-O2"]
# With fewer of Cython's extras (`hot_extensions`), this makes the compiled files smaller and no slower: no symbols, no tables for
# unwinding, no padding to whole pages.  A build that names its own CFLAGS (Debian's, a sanitizer's) gets none of this.
IS_SMALL = sys.platform == "linux" and "CFLAGS" not in os.environ
SMALL = ["-g0", "-fno-asynchronous-unwind-tables"]
SMALL_LINK = ["-Wl,-s", "-Wl,-z,noseparate-code"]


def hot_extensions():
    """One optional extension for each file of `hot/` with a `.pyi`; if compiling fails, the plain files remain."""
    if os.environ.get("BTFKIT_PURE", "") not in ("", "0"):
        return []
    try:
        from Cython.Build import cythonize
        from Cython.Compiler import Options
    except ImportError:
        return []
    Options.docstrings = False  # the sources have them
    sources = sorted(pyi[:-1] for pyi in glob("src/btfkit/hot/*.pyi"))
    extensions = cythonize(
        [extension(os.path.basename(py)[:-3], py) for py in sources],
        build_dir=BUILD,
        shared_utility_qualified_name=SHARED,
        compiler_directives={
            "language_level": 3,
            "boundscheck": True,
            "wraparound": False,
            "auto_pickle": False,  # this and the next are not used, and make code for each class and each function
            "binding": False,
        },
    )
    for one in extensions:
        mark_wrappers(one.sources[0])
    extensions.insert(0, extension("_shared", shared_source()))
    for one in extensions:
        one.optional = True  # set here, because cythonize (3.3) drops it
    return extensions


def extension(name, source):
    """The extension module `btfkit.hot.NAME`."""
    compiling, linking = list(FLAGS), []
    if IS_SMALL:
        compiling += SMALL + ["-Os"] * (name == "_shared")
        linking += SMALL_LINK
    return Extension("btfkit.hot." + name, [source], extra_compile_args=compiling, extra_link_args=linking)


def mark_wrappers(path):
    """Has the compiler make small, in a C source, what takes the arguments of a call from Python apart, and constructors.

    The loop of a `cpdef` function is a C function of its own, which stays as fast as it was.  Each memoryview among the arguments
    is otherwise some 500 bytes of inlined code.
    """
    with open(path, encoding="utf-8") as file:
        source = file.read()
    loops = set(re.findall(r"^static .*?\b__pyx_f_(\w+)\(", source, re.MULTILINE))

    def mark(match):
        name = match["name"]  # __pyx_pw_6btfkit_3hot_4scan_3run calls __pyx_f_6btfkit_3hot_4scan_run
        unnumbered = (name[: at.start()] + name[at.end() :] for at in re.finditer(r"(?<=_)\d+(?=[A-Za-z_])", name))
        is_cold = name.endswith("__init__") or not loops.isdisjoint(unnumbered)
        return "static CYTHON_SMALL_CODE " + match["rest"] if is_cold else match[0]

    definition = r"^static (?P<rest>(PyObject \*|int )__pyx_p[wf]_(?P<name>\w+)\((?!.*/\* ?proto))"
    made = re.sub(definition, mark, source, flags=re.MULTILINE)
    if made != source:
        with open(path, "w", encoding="utf-8") as file:
            file.write(made)


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
        built = [self.get_ext_fullpath(one.name) for one in self.extensions]
        if not all(map(os.path.exists, built)):
            for path in filter(os.path.exists, built):
                os.remove(path)

    def get_outputs(self):
        return [path for path in super().get_outputs() if os.path.exists(path)]


class WithoutSources(bdist_wheel):
    """A wheel has a loop once: compiled, or as plain Python.  What it is compiled of is in the sdist."""

    def write_wheelfile(self, *args, **options):
        """As always; everything is in its place, and nothing is in the wheel yet."""
        hot = os.path.join(self.bdist_dir, "btfkit", "hot")
        if any(glob(os.path.join(hot, "_shared" + suffix)) for suffix in EXTENSION_SUFFIXES):
            for pxd in glob(os.path.join(hot, "*.pxd")):
                os.remove(pxd)
                if os.path.exists(pxd[:-3] + "pyi"):  # a loop; others are plain Python in both forms
                    os.remove(pxd[:-3] + "py")
        super().write_wheelfile(*args, **options)


def manual_pages():
    """The manual pages, made of the tables of the commands."""
    sys.path.insert(0, "src")
    from btfkit.cli.manual import write_pages

    return write_pages("build/man")


setup(
    ext_modules=hot_extensions(),
    cmdclass={"build_ext": AllOrNothing, "bdist_wheel": WithoutSources},
    data_files=[("share/man/man1", manual_pages())],
)
