"""One connection for a test that looks again and again: a new one for each look costs more than the look."""

from typing import Any, LiteralString, cast

import psycopg


class Looking:
    """As the database's administrator. Connects at the first question, and again once a connection was ended."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: psycopg.Connection | None = None

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        known = self._connection
        try:
            return self._execute(statement, parameters)
        except psycopg.OperationalError:
            if known is None or not known.closed:
                raise
            return self._execute(statement, parameters)  # it was ended since the last look

    def _execute(self, statement: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url, autocommit=True, connect_timeout=5, prepare_threshold=None
            )
        cursor = self._connection.execute(cast(LiteralString, statement), parameters)  # a test's own text
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
