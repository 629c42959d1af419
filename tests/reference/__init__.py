"""Slow, obvious twins of the loops in `btfkit/hot`, over lists and dicts of records; they share no code with the fast ones.

`tests/laws/test_reference.py` compares the two on random input.  The twin of `hot/text.py` is in `tests/unit/test_show_raw.py`.
"""
