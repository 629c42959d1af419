"""The engine for many jobs: spread over processes or a cluster, with progress, and results in any order."""
