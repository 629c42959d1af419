"""Many kernels: trees of them, the checks and archives made over them, and the bundle that holds what comes out."""
