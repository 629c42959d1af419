"""The atlas: the BTF of many kernels in one SQLite file, each record stored once, with tables to ask questions of."""
