"""`python -m btfkit`."""

from btfkit.cli import entry

if __name__ == "__main__":
    entry()
