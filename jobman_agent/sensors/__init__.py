"""What the PC says: input, CPU of others, power, session, programs. One thin file per system.

``sensors.Sensors`` is all that the agent needs. The room chooses its operating system here, once:
``system`` is the module that says what there is to look at (``probe.System``), ``Departures`` hears
of shutdown and sleep beforehand. docs/platforms.md
says what is seen where, and how surely.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from jobman_agent.sensors import system_windows as system
    from jobman_agent.sensors.departures_windows import Departures
elif sys.platform == "darwin":
    from jobman_agent.sensors import system_macos as system
    from jobman_agent.sensors.departures import Departures
else:
    from jobman_agent.sensors import system_linux as system
    from jobman_agent.sensors.departures_linux import Departures

__all__ = ["Departures", "system"]
