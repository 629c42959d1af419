"""The documentation site: Sphinx, which reads the pages of this directory as they are (MyST's Markdown).

`make docs` runs it.  Two parts of the reference are made here, from what defines them: a page for each command from its table of
options, and the Python API from docstrings (generated/, not kept).  Why Sphinx: it reads the docstrings of the package itself,
checks each link between pages, needs no network at build time, and distributions have it.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_site"))

import generated

from btfkit import __version__

project = "btfkit"
author = "the btfkit authors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_site", "examples"]
default_role = "code"

myst_enable_extensions = ["deflist"]
smartquotes = False  # "--option" stays as it is typed
myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure", "ref.python"]

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True}

html_theme = "furo"
html_title = f"btfkit {__version__}"
html_copy_source = False
html_show_sphinx = html_show_copyright = False
html_theme_options = {"source_repository": generated.REPOSITORY, "source_branch": "main", "source_directory": "docs/"}
copybutton_prompt_text = "$ "

linkcheck_ignore = [r"http://127\.0\.0\.1.*", r"https://github\.com/btfkit/.*"]


def setup(app):
    generated.write(Path(__file__).parent / "generated")
    app.connect("autodoc-process-docstring", generated.as_rst)
    app.connect("source-read", generated.links_out)
