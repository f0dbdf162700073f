"""Faults in verifying a token (VER, IDT); importing this package registers them."""

from bearerproof_fuzz.faults.tokens import algorithms as algorithms
from bearerproof_fuzz.faults.tokens import claims as claims
from bearerproof_fuzz.faults.tokens import headers as headers
from bearerproof_fuzz.faults.tokens import idtokens as idtokens
from bearerproof_fuzz.faults.tokens import jsontext as jsontext
from bearerproof_fuzz.faults.tokens import keyids as keyids
from bearerproof_fuzz.faults.tokens import keytexts as keytexts
from bearerproof_fuzz.faults.tokens import lookups as lookups
from bearerproof_fuzz.faults.tokens import mediatypes as mediatypes
from bearerproof_fuzz.faults.tokens import parties as parties
from bearerproof_fuzz.faults.tokens import reasons as reasons
from bearerproof_fuzz.faults.tokens import replay as replay
from bearerproof_fuzz.faults.tokens import segments as segments
from bearerproof_fuzz.faults.tokens import signatureforms as signatureforms
from bearerproof_fuzz.faults.tokens import signatures as signatures
from bearerproof_fuzz.faults.tokens import times as times
from bearerproof_fuzz.faults.tokens import tokenhashes as tokenhashes
