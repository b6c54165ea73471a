"""The pattern by which Spark itself keeps secrets out of its pages, logs and event logs."""

from __future__ import annotations

import re

from dcluster_provider.core.redaction import redaction

SETTING = "spark.redaction.regex"
# What means the same to Java as to Python, of what people write here.
_PLAIN = re.compile(r"(?:[\w .|^$*+?)-]|\((?!\?)|\(\?:|\\[.bBdDsSwW-]|\[\^?[\w.-]+\])*", re.ASCII)


def redaction_regex(given: str = "") -> str:
    """What counts as a secret to Spark: what does here, and what the user adds.

    :param given: the user's own ``spark.redaction.regex``.
    """
    rules = redaction()
    own = rules.names if _PLAIN.fullmatch(rules.more) else rules.own_names
    return f"(?:{given})|(?i:{own})" if given else f"(?i){own}"
