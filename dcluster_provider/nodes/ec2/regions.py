"""The regions that EC2 is in."""

from __future__ import annotations

from functools import cache

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.explain import nearest


def check_region(region: str, field: str) -> None:
    """Refuse a region that AWS does not have, by what botocore knows of it; nothing is asked.

    :param field: where it was named, for the message.
    :raises InvalidSpec: naming the nearest one.
    """
    known = _regions()
    if known and region not in known:
        raise InvalidSpec(
            f"{field}: AWS has no region {region[:40]!r}{nearest(region, set(known))} (botocore knows the regions; "
            "one that is new may need a newer botocore)"
        )


@cache
def _regions() -> frozenset[str]:
    """Every region of every partition; none when botocore is missing, which the first call then says."""
    try:
        from botocore.session import Session
    except ImportError:
        return frozenset()
    session = Session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition)
    )
