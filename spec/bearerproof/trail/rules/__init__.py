"""The rules by which an audit trail is judged, and why a rule may have to stay unjudged."""

from enum import StrEnum


class Rule(StrEnum):
    """The id of each rule; ``TITLES`` says what it demands."""

    SCHEMA = "TRAIL-1"
    ONE_ISSUE = "TRAIL-2"
    ISSUED_FIRST = "TRAIL-3"
    NO_USE_AFTER_EXPIRY = "TRAIL-4"
    EXPIRED_IN_TRUTH = "TRAIL-5"
    NO_USE_AFTER_REVOCATION = "TRAIL-6"
    REVOKED_WAS_LIVE = "TRAIL-7"
    EXACTLY_ONCE = "TRAIL-8"
    NOTHING_LOST = "TRAIL-9"
    TIME_MONOTONE = "TRAIL-10"
    IDENTITY_CONSTANT = "TRAIL-11"
    NO_SECRET = "TRAIL-12"  # noqa: S105 - the id of a rule
    NO_CONTROLS = "TRAIL-13"
    SOURCES_BOUNDED = "TRAIL-14"
    SOURCE_OF_HINTS = "TRAIL-15"
    SUMMARY_ADDS_UP = "TRAIL-16"

    __hash__ = str.__hash__  # that of an enumeration is a Python call, on a path that runs for every line


TITLES = {
    Rule.SCHEMA: "every event matches its schema",
    Rule.ONE_ISSUE: "a token is issued at most once",
    Rule.ISSUED_FIRST: "a token is issued before anything happens to it",
    Rule.NO_USE_AFTER_EXPIRY: "no token is used at or after its expiry",
    Rule.EXPIRED_IN_TRUTH: "no token is called expired before its expiry",
    Rule.NO_USE_AFTER_REVOCATION: "no token is used after its revocation",
    Rule.REVOKED_WAS_LIVE: "what is revoked was issued and live, and is revoked once",
    Rule.EXACTLY_ONCE: "no sequence number stands twice",
    Rule.NOTHING_LOST: "no sequence number is missing",
    Rule.TIME_MONOTONE: "time does not run backwards",
    Rule.IDENTITY_CONSTANT: "a token belongs to one identity",
    Rule.NO_SECRET: "no bearer, JWT, key or other secret in an event",
    Rule.NO_CONTROLS: "no control, bidi or line-separator character in an event",
    Rule.SOURCES_BOUNDED: "the number of source ids stays bounded",
    Rule.SOURCE_OF_HINTS: "a source id is the one its hints compose",
    Rule.SUMMARY_ADDS_UP: "the total of a drop summary is the sum of its parts",
}


class Want(StrEnum):
    """Why a rule could not judge an event: the member it lacks, or what is no longer or not yet known."""

    TIME = "no occurred_at"
    EXPIRY = "no expires_at was given when it was issued"
    SEQUENCE = "no seq"
    IDENTITY = "no identity"
    FORGOTTEN = "the token was forgotten to bound memory (--max-tokens, --horizon)"
    BEFORE = "the token may have been issued before the trail begins (--from-middle)"
    UNKNOWN = "the token was not issued in this trail"
    LATE = "the missing numbers around it were given up"
    RACE = "two events are dated so closely that either may have come first (--tolerance, --skew)"
    ORDER = "the order of lines and the order of times contradict each other, or there is neither"
    WRITERS = "several writers that name no origin would explain it (--single-writer)"
    CLOSE = "it is dated so closely to the expiry that clocks may differ about it (--tolerance, --skew)"
    UNREAD = "what is missing may stand in lines or files that were not read"
    UNREADABLE = "the members it needs do not match the schema"

    __hash__ = str.__hash__
