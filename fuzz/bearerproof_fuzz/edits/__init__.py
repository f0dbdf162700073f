"""Every edit, by the part of the token it changes; importing this package fills the registry."""

from bearerproof_fuzz.edits import algorithm as algorithm
from bearerproof_fuzz.edits import claims as claims
from bearerproof_fuzz.edits import encoding as encoding
from bearerproof_fuzz.edits import encryption as encryption
from bearerproof_fuzz.edits import header as header
from bearerproof_fuzz.edits import idtoken as idtoken
from bearerproof_fuzz.edits import jsontext as jsontext
from bearerproof_fuzz.edits import keysets as keysets
from bearerproof_fuzz.edits import signature as signature
from bearerproof_fuzz.edits import structure as structure
from bearerproof_fuzz.edits import typing as typing
