"""Files as runtimes, shippers and loggers leave them: nobody honest is accused in any, and no lie is believed."""

import pytest

from . import collectors

UNREAD = {
    *("cloudwatch-subscription", "cloudwatch-pages", "gcp-pages", "loki-push", "otlp-json"),
    *("fluent-bit-file", "syslog-octet-counted", "zap-console"),
}
"""Forms that are not read, since a line holds many events or a part of one, or since a request may imitate them."""


@pytest.mark.parametrize("form", collectors.FORMS)
def test_a_form_accuses_nobody_and_hides_nothing(form: str) -> None:
    """The long form: ``python -m tests.trail.collectors 100``."""
    came = collectors.run(3, form)
    assert (came["accused"], came["missed"], came["believed"]) == (0, 0, 0)
    if form in UNREAD:
        assert came["unread"]
    else:
        assert came["read"]
        assert (came["unread"], came["undecided"]) == (0, 0)
