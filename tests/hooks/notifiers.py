"""A notifier as users write them."""

from __future__ import annotations

from typing import ClassVar

from airflow.sdk import BaseNotifier


class Recorder(BaseNotifier):
    template_fields = ("text",)
    told: ClassVar[list[str]] = []

    def __init__(self, *, text: str):
        super().__init__()
        self.text = text

    def notify(self, context):
        self.told.append(self.text)
