"""``python -m bearerproof``: the same as the command ``bearerproof``."""

from bearerproof.cli import main

main()
