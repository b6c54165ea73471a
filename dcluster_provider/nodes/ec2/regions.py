"""The regions of EC2."""

from __future__ import annotations

from functools import cache

from dcluster_provider.core.errors import InvalidSpec, nearest


def check_region(region: str, field: str) -> None:
    """Reject a region that AWS does not have, by botocore's own list, without a request.

    :param field: the field that names it, for the error.
    :raises InvalidSpec: the region is unknown; the error names the nearest one.
    """
    known = _regions()
    if known and region not in known:
        raise InvalidSpec(
            f"{field}: AWS has no region {region[:40]!r}{nearest(region, set(known))} (botocore knows the regions; "
            "one that is new may need a newer botocore)"
        )


@cache
def _regions() -> frozenset[str]:
    """Every region of every partition; none when botocore is missing, which the first call then reports."""
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
