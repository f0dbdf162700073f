"""Faults in what a refused token leaves behind (HINT, SRC, FAIL, SINK, LIM); importing this package registers them."""

from bearerproof_fuzz.faults.audit import accounts as accounts
from bearerproof_fuzz.faults.audit import buckets as buckets
from bearerproof_fuzz.faults.audit import eventforms as eventforms
from bearerproof_fuzz.faults.audit import events as events
from bearerproof_fuzz.faults.audit import hintreading as hintreading
from bearerproof_fuzz.faults.audit import hints as hints
from bearerproof_fuzz.faults.audit import kinds as kinds
from bearerproof_fuzz.faults.audit import sinks as sinks
from bearerproof_fuzz.faults.audit import sources as sources
from bearerproof_fuzz.faults.audit import strangers as strangers
from bearerproof_fuzz.faults.audit import trail as trail
