"""The two PCs of the demo: `jobman work` processes of their own, which do not outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Self

from jobman_agent.cli.output import one_line
from jobman_agent.errors import PackageDidNotStart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_IDLE_EXIT_S = 60
"""Should the demo itself be killed, its workers end by themselves."""
_LEAVE_S = 15.0
_STARTS_MOST = 3
"""Of one worker: what ends again and again will not get better."""
# A Ctrl-C in the terminal is for the demo; it tells its workers itself.
_NEW_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
_STOP: int = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM)


class DemoPCs:
    """Workers with a JOBMAN_HOME each; left, they have ended.

    Args:
        names: Of the PCs.
        home: The demo's folder; each has its home and its log below.
        tell: Told if one ends before its time.
    """

    def __init__(self, names: Sequence[str], home: Path, tell: Callable[[str], None]) -> None:
        self._names = names
        self._home = home
        self._tell = tell
        self._words: list[str] = []
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._starts = dict.fromkeys(names, 0)

    def __enter__(self) -> Self:
        """Nothing runs yet."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """End them all."""
        for process in self._running.values():
            if process.poll() is None:
                process.send_signal(_STOP)
        for process in self._running.values():
            try:
                process.wait(_LEAVE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, trust: str, pool: str, slots: int) -> None:
        """Start them all.

        Args:
            trust: The demo's employer, ``NAME=KEY``.
            pool: Its URL.
            slots: Of each.
        """
        settings = self._home / "jobman.ini"
        settings.write_text("# The settings of the demo's PCs: none.\n", encoding="utf-8")
        self._words = [sys.executable, "-m", "jobman_agent", "work", "-v"]
        self._words += ["--config", str(settings), "--pool", pool, "--trust", trust]
        self._words += ["--software", f"python={sys.executable}", "--slots", str(slots)]
        # Somebody waits for the demo, at this very PC.
        self._words += ["--normal-priority", "--idle-exit", str(_IDLE_EXIT_S)]
        for name in self._names:
            self._start(name)

    def look(self) -> None:
        """See whether they live; one that has ended is started again.

        Raises:
            PackageDidNotStart: one ends again and again.
        """
        for name, process in self._running.items():
            code = process.poll()
            if code is None:
                continue
            how = f"exit code {code}" if code >= 0 else f"signal {-code}"
            why = f"{name} has ended ({how}): {self._last_line(name)}"
            if self._starts[name] >= _STARTS_MOST:
                message = f"{why}; it was started {_STARTS_MOST} times; see {self._log(name)}"
                raise PackageDidNotStart(message)
            self._tell(f"{why}; it is started again")
            self._start(name)

    def _start(self, name: str) -> None:
        self._starts[name] += 1
        environ = {k: v for k, v in os.environ.items() if not k.startswith("JOBMAN_")}
        environ["JOBMAN_HOME"] = str(self._home / name)
        with self._log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [*self._words, "--name", name],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                creationflags=_NEW_GROUP,
            )

    def _log(self, name: str) -> Path:
        return self._home / f"{name}.log"

    def _last_line(self, name: str) -> str:
        lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        return one_line(lines[-1]) if lines else "it said nothing"
