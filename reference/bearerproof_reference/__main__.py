"""``python -m bearerproof_reference``: the adapter on standard input and output."""

from bearerproof_reference.adapter import main

main()
