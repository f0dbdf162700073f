"""Every kind of decision that a key server makes; importing this package fills the registry."""

from bearerproof_fuzz.keyserver.scenarios import exchanges as exchanges
from bearerproof_fuzz.keyserver.scenarios import presented as presented
from bearerproof_fuzz.keyserver.scenarios import tokens as tokens
