"""A package's environment, made from zero: nothing of the worker's own leaks into it.

Source: docs/settings.md, "A package's environment".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.execution import system_environment
from jobman_agent.execution.orders import RUN_VARIABLE

if TYPE_CHECKING:
    from jobman_agent.execution.orders import Order

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def package_environment(order: Order, home: str) -> dict[str, str]:
    """The variables of one run.

    Args:
        order: what is run.
        home: the run's own folder for HOME and temporary files.
    """
    cores = str(order.cores)
    variables = {
        **system_environment(home),
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "JOBMAN_PACKAGE": order.package,
        "JOBMAN_CORES": cores,
        **dict.fromkeys(_THREADS, cores),
    }
    if order.common is not None:
        variables["JOBMAN_COMMON"] = order.common
    variables.update(order.environment)
    variables[RUN_VARIABLE] = order.run
    return variables
