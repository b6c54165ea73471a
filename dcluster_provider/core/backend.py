"""A backend: a platform that clusters run on, or a cloud that machines come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from dcluster_provider.core.addresses import NO_STORAGE, ObjectStorage
from dcluster_provider.core.connection_fields import ConnectionSettings
from dcluster_provider.core.environment import ReadSecret, no_secrets

Settings = TypeVar("Settings", bound=ConnectionSettings)
Product_co = TypeVar("Product_co", covariant=True)


@dataclass(frozen=True)
class BackendContext:
    """What a backend is made with beside its settings.

    :param conn_id: the id of the ``dcluster`` connection, for messages.
    :param registry_id: gives the id of the connection's registry; opens the registry.
    :param clients: by the type of an Airflow connection, what makes clients with the credentials of such a connection.
    :param read_secret: gives the value of a secret that is in an Airflow connection or variable.
    :param storage: reads addresses with Airflow's connections.
    """

    conn_id: str
    registry_id: Callable[[], str]
    clients: Mapping[str, Any]
    read_secret: ReadSecret = no_secrets
    storage: ObjectStorage = NO_STORAGE

    def client(self, conn_type: str) -> Any:
        """What makes clients with the credentials of Airflow connections of a type.

        :raises ValueError: there is nothing that does.
        """
        if conn_type not in self.clients:
            raise ValueError(
                f"connection {self.conn_id!r}: nothing makes clients of {conn_type!r} connections"
            )
        return self.clients[conn_type]


@dataclass(frozen=True)
class Backend(Generic[Settings, Product_co]):
    """What a connection can name as its platform or its cloud.

    :param settings: the model of its settings; its fields are fields of the connection.
    :param factory: makes the platform or cloud of settings. Heavy libraries are imported when it is called.
    """

    settings: type[Settings]
    factory: Callable[[Settings, BackendContext], Product_co]
