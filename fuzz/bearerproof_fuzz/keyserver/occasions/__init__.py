"""Every kind of decision that a key server makes; importing this package fills the registry."""

from bearerproof_fuzz.keyserver.occasions import exchanges as exchanges
from bearerproof_fuzz.keyserver.occasions import presented as presented
from bearerproof_fuzz.keyserver.occasions import tokens as tokens
