class Leb128:
    at: int
