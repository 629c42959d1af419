"""One engine for work on many things: jobs spread over processes or a cluster, with progress and results in any order."""
