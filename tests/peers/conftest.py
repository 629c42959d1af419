"""Makes tests/peer_tools.py, tests/corpus.py and tests/bpf/cases.py importable from the tests here."""

import os
import sys

_tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
for _folder in (os.path.join(_tests, "bpf"), _tests):
    if _folder not in sys.path:
        sys.path.insert(0, _folder)
