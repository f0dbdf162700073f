"""Faults in key sets and their rotation (KEY); importing this package registers them."""

from bearerproof_fuzz.faults.keys import answers as answers
from bearerproof_fuzz.faults.keys import keysets as keysets
from bearerproof_fuzz.faults.keys import outages as outages
from bearerproof_fuzz.faults.keys import rotation as rotation
