"""Secrets that the tests give to clusters and jobs, and how they are recognized."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from dcluster_provider.core.environment import SecretReference

PASSWORD, TOKEN = "it's a\\secret = yes\n and two lines", "token-of-a-file-4711"
SECRETS = [{"env": "DB_PASSWORD", "connection": "db"}, {"file": "token", "variable": "api_token"}]


def read_secret(reference: SecretReference) -> str:
    """What Airflow would give."""
    return PASSWORD if reference.connection else TOKEN


def digest(text: str) -> str:
    """What a job's log shows of a secret."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def files_with_secrets(folders: Iterable[Path]) -> list[Path]:
    """The files below folders that have a secret in them, in whatever way it may be written."""
    return files_with(["it's a\\secret", "it's a\\\\secret", TOKEN], folders)


def files_with(marks: Iterable[str], folders: Iterable[Path]) -> list[Path]:
    """The files below folders that have one of some texts in them."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in files if any(mark.encode() in path.read_bytes() for mark in marks)]
