"""May this PC work now? Pure: reading, rules, now and memory make a verdict."""

from __future__ import annotations

from jobman_agent.policy.decide import decide, judge_hours
from jobman_agent.policy.memory import Memory
from jobman_agent.policy.rules import Rules, make_rules

__all__ = ["Memory", "Rules", "decide", "judge_hours", "make_rules"]
