"""What checks need an implementation to declare, by name: the capabilities, and those that go together."""

from bearerproof.contract.declaration import Need

CLOCK = Need("clock")
TICK = Need("tick")
KEY_SET = Need("key_set")
KEYS_URL = Need("keys_url")
MAX_TOKEN = Need("max_token")
CAP_BELOW_50_KILOBYTES = Need("cap_below", "50000")
MIXED_ALGORITHMS = Need("mixed_algorithms")
REASONS = Need("reasons")
TOKEN_B64 = Need("token_b64")

ED448_AS_EDDSA = (Need("algorithm", "EdDSA"), Need("curve", "Ed448"))
"""To verify with a key on the second curve of EdDSA."""

KEY_ALG = Need("key_member", "alg")
KEY_KID = Need("key_member", "kid")

LEEWAY = Need("option", "leeway")
REPLAY = Need("option", "replay")
REQUIRE = Need("option", "require")
SESSIONS = Need("option", "sessions")
SESSION_VERSIONS = Need("option", "session_versions")
TYP = Need("option", "typ")

AUDIT_LINES = Need("audit", "lines")
DELIVERED = Need("audit", "delivered")
LIMITER = Need("audit", "limiter")
STATS = Need("audit", "stats")
SUMMARIES = Need("audit", "summaries")

CHAIN_VERIFY = Need("chain", "verify")
CHAIN_WRITE = Need("chain", "write")

SINK_RAISES = Need("sink", "raises")
SINK_HANGS = Need("sink", "hangs")
SINK_SLOW = Need("sink", "slow")

CONFIGURE = Need("key_server", "configure")
COUNT = Need("key_server", "count")
FORWARDED = Need("key_server", "forwarded")
HTTP = Need("key_server", "http")
INTROSPECTION = (HTTP, Need("key_server", "introspection"))
"""To ask how it stands with a bearer (RFC 7662)."""
TOKEN_REVOCATION = (HTTP, Need("key_server", "token_revocation"))
"""To revoke a bearer by naming it (RFC 7009)."""
CLIENT_AUTHENTICATION = (HTTP, Need("key_server", "client_authentication"))
"""To ask for an exchange as a client that authenticates itself (RFC 6749 §2.3)."""
REVOCATION_SECRET = Need("key_server", "revocation_secret")
LINES = Need("key_server", "lines")
NARROW = Need("key_server", "narrow")
RACE = Need("key_server", "race")
REAP = Need("key_server", "reap")
RESTART = Need("key_server", "restart")
RETENTION = Need("key_server", "retention")
ROTATE = Need("key_server", "rotate")
SINGLE_USE = Need("key_server", "single_use")
THROTTLE = Need("key_server", "throttle")

RESOURCE = (Need("resource_server"),)
RESOURCE_AUTHORIZATION = (*RESOURCE, Need("resource_server", "authorization"))
RESOURCE_FETCHES = (*RESOURCE, Need("resource_server", "fetches"))
RESOURCE_STALE = (*RESOURCE_FETCHES, Need("resource_server", "stale"))
RESOURCE_OTHER = (*RESOURCE, Need("resource_server", "other"))
RESOURCE_METADATA = (*RESOURCE, Need("resource_server", "metadata"))
RESOURCE_RUNNING = (*RESOURCE, Need("resource_server", "running"))
RESOURCE_PROBES = (*RESOURCE, Need("resource_server", "probes"))
RESOURCE_SCOPE = (*RESOURCE, Need("resource_server", "scope"))
RESOURCE_SESSION = (*RESOURCE, Need("resource_server", "session"))
"""To ask a resource server over HTTP, and what of it the check is about."""

LENIENT = (CLOCK, LEEWAY)
"""To stand within the leeway, and just outside it."""

MIXED = (KEY_SET, MIXED_ALGORITHMS, Need("algorithm", "HS256"))
"""To hold a secret and public keys in one set."""

LIMITED = (CLOCK, LIMITER, DELIVERED)
"""To see what a limiter lets through."""

LIMITED_AND_COUNTED = (*LIMITED, STATS)
"""To hold what it lets through against what it counts."""

THROTTLED = (TICK, CONFIGURE, THROTTLE)
"""To see a server refuse too many requests, and relent."""

FETCHED = (TICK, KEYS_URL, CONFIGURE)
"""To see a server read the keys of a provider from a URL."""
