"""``check --all``: the adapters of a folder, each built by its manifest and judged by its own expectations."""
