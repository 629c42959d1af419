"""`python -m btfkit`."""

import sys

from btfkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
