"""Many kernels: trees of them, jobs over them, and the bundle that holds what comes out."""
