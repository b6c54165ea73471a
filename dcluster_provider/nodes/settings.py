"""What the settings of every cloud have in common."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from dcluster_provider.core.connection_fields import (
    DEFAULT_DEPLOYMENT,
    ConnectionSettings,
    Deployment,
    Names,
    at_most,
    one_of,
)

MARKETS = Literal["on-demand", "spot", "spot, then on-demand"]
# How machines are paid for; the last one tries every kind of machine as spot first.
Market = Annotated[MARKETS, one_of(*get_args(MARKETS))]
Alternatives = Annotated[Names, at_most(59)]  # an order has room for 60 types


class CloudSettings(ConnectionSettings):
    """What a connection says to its cloud."""

    can_launch: ClassVar[bool] = True  # whether machines are launched and terminated there

    deployment: Deployment = DEFAULT_DEPLOYMENT
