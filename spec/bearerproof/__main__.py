"""``python -m bearerproof``: the same as the command ``bearerproof``."""

from bearerproof_fuzz.commands.cli import main

main()
