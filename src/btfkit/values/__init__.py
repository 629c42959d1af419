"""Bytes in memory as values: shapes (what the bytes mean), values (views of bytes by a shape), their bytes again, and their
texts.

Nothing here knows BTF; `btf/shapes.py` makes the shapes of types.
"""
