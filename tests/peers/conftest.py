"""Makes tests/peer_tools.py, tests/corpus.py, tests/bpf/cases.py and tests/vm/machine.py importable from the tests here."""

import os
import sys

_tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
for _folder in (os.path.join(_tests, "bpf"), _tests):
    if _folder not in sys.path:
        sys.path.insert(0, _folder)
if os.path.join(_tests, "vm") not in sys.path:
    sys.path.append(os.path.join(_tests, "vm"))
