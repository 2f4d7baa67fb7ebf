"""What a package prints, capped: the beginning and the end are kept, the middle is counted."""

from __future__ import annotations


class LogText:
    """The text of one run's log.txt, at most ``limit`` bytes of it; not safe between threads."""

    def __init__(self, limit: int) -> None:
        self._head_limit = limit // 2
        self._tail_limit = limit - limit // 2
        self._head = b""
        self._tail = bytearray()
        self.dropped = 0
        """Bytes that were printed and are not kept."""

    def add(self, data: bytes | memoryview) -> None:
        """Append what was printed."""
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += bytes(data[:room])
            data = data[room:]
        if not data:
            return
        if len(data) >= self._tail_limit:
            self.dropped += len(self._tail) + len(data) - self._tail_limit
            self._tail[:] = data[len(data) - self._tail_limit :]
            return
        self._tail += data
        # Cut rarely: twice the limit may stand here in between.
        if len(self._tail) > 2 * self._tail_limit:
            self._cut()

    def value(self) -> bytes:
        """The text; where something is missing a line says how much."""
        self._cut()
        if not self.dropped:
            return self._head + self._tail
        line = f"\n[jobman: {self.dropped} bytes left out here]\n".encode()
        return self._head + line + self._tail

    def _cut(self) -> None:
        too_much = len(self._tail) - self._tail_limit
        if too_much > 0:
            del self._tail[:too_much]
            self.dropped += too_much
