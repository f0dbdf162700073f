"""The documentation as a site: ``sphinx-build -W docs site``. Each of its code blocks is run by ``tests/docs``."""

from bearerproof import __version__

project = "bearerproof"
copyright = "the authors of bearerproof"  # noqa: A001 - the name that Sphinx reads
version = release = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "bearerproof"
html_copy_source = False
exclude_patterns = ["site"]
