"""Content types of a body that is not said to be a form."""

from collections.abc import Mapping

from bearerproof_fuzz.keyserver.wire import FORM, Fields

OTHER_TYPES: Mapping[str, Fields] = {
    "none": (),
    "an empty one": (("Content-Type", ""),),
    "JSON": (("Content-Type", "application/json"),),
    "plain text": (("Content-Type", "text/plain"),),
    "HTML": (("Content-Type", "text/html"),),
    "octets": (("Content-Type", "application/octet-stream"),),
    "XML": (("Content-Type", "application/xml"),),
    "several parts": (("Content-Type", "multipart/form-data; boundary=x"),),
    "every type": (("Content-Type", "*/*"),),
    "a longer subtype": (("Content-Type", f"{FORM}-2"),),
    "a structured suffix": (("Content-Type", f"{FORM}+json"),),
    "a shorter subtype": (("Content-Type", FORM[:-1]),),
    "a longer type": (("Content-Type", f"x{FORM}"),),
    "the subtype alone": (("Content-Type", "x-www-form-urlencoded"),),
    "another type first": (("Content-Type", f"text/plain, {FORM}"),),
    "another type behind it": (("Content-Type", f"{FORM}, text/plain"),),
    "a parameter that looks like it": (("Content-Type", f"text/plain; type={FORM}"),),
    "two types": (("Content-Type", FORM), ("Content-Type", "application/json")),
    "two types the other way round": (("Content-Type", "application/json"), ("Content-Type", FORM)),
}
"""By what they are: the fields that announce them."""
