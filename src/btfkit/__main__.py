"""`python -m btfkit`."""

import sys

from btfkit.cli import main

sys.exit(main())
