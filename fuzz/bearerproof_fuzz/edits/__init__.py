"""Every edit, by the part of the token it changes; importing this package fills the registry."""

from bearerproof_fuzz.edits import algorithm as algorithm
from bearerproof_fuzz.edits import encoding as encoding
from bearerproof_fuzz.edits import jsontext as jsontext
from bearerproof_fuzz.edits import structure as structure
