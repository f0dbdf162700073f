"""``museum``: releases with a published weakness, and those that mended it, each judged by the row that names it."""
