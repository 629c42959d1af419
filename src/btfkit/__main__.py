"""`python -m btfkit`."""

import sys

from btfkit.cli import entry

if __name__ == "__main__":
    sys.exit(entry())
