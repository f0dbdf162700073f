"""Every kind of decision that a key server makes; importing this package fills the registry."""

from bearerproof_fuzz.keyservers.occasions import exchanges as exchanges
from bearerproof_fuzz.keyservers.occasions import presented as presented
from bearerproof_fuzz.keyservers.occasions import tokens as tokens
