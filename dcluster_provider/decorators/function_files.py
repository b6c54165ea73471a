"""The files that decorated functions run from."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

_LEFTOVER_SECONDS = 30 * 86400  # in which any job that waited for its cluster has started


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, atomically, and remove old files of killed tasks beside it."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for leftover in file.parent.iterdir():
        _remove_if_old(leftover)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    draft.replace(file)


def _remove_if_old(path: Path) -> None:
    try:
        if time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
            path.unlink()
    except OSError:
        return  # another task removed it
