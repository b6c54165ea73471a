"""SQL as an argument of an operator: text, or the name of a ``.sql`` file that Airflow finds and renders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow.sdk import BaseOperator

SQL = "sql"


class SqlTemplates(BaseOperator):
    """An operator whose field ``sql`` alone may name the file of a template.

    Other fields may hold names that end in ``.sql``, too: those are files of the job, which its engine gets as they
    are.
    """

    template_ext: Sequence[str] = (".sql",)

    def resolve_template_files(self) -> None:
        """Read the file that ``sql`` names, once the DAG file is parsed."""
        with self._with("template_fields", [name for name in self.template_fields if name == SQL]):
            super().resolve_template_files()

    def _do_render_template_fields(
        self, parent: Any, template_fields: Iterable[str], *args: Any, **kwargs: Any
    ) -> None:
        names = list(template_fields)
        with self._with("template_ext", ()):
            others = [name for name in names if name != SQL]
            super()._do_render_template_fields(parent, others, *args, **kwargs)
        super()._do_render_template_fields(parent, [name for name in names if name == SQL], *args, **kwargs)

    @contextmanager
    def _with(self, name: str, value: Any) -> Iterator[None]:
        """Give an attribute another value for a while."""
        before = getattr(self, name)
        setattr(self, name, value)
        try:
            yield
        finally:
            setattr(self, name, before)
