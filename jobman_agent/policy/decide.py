"""The verdict: what this PC may do now, with all reasons and the next possible time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobman_agent.model.verdict import Permit, Reason, ReasonCode, Verdict, clock_text
from jobman_agent.policy import load, presence
from jobman_agent.policy.hours import local, opening_at
from jobman_agent.policy.look import Fault, Look, progress_text
from jobman_agent.policy.memory import Memory, turn_page

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from jobman_agent.model.pause import Pause
    from jobman_agent.model.reading import Reading
    from jobman_agent.policy.hours import Calendar
    from jobman_agent.policy.rules import Rules

_AFTERWARDS = {
    ReasonCode.SESSION: "nobody logged in from elsewhere for",
    ReasonCode.PRESENTATION: "no presentation for",
    ReasonCode.CPU: "CPU low for",
    ReasonCode.MEMORY: "enough memory free for",
    ReasonCode.DISK: "enough disk space free for",
    ReasonCode.BATTERY: "on mains for",
    ReasonCode.PROGRAM: "listed programs gone for",
}
"""The rules that must hold for as long as ``[idle] for`` says, in the order they are told."""

_FLUCTUATES = (ReasonCode.CPU, ReasonCode.MEMORY)
"""These pass by themselves: the earliest end is known."""


def decide(reading: Reading, rules: Rules, now: datetime, memory: Memory) -> tuple[Verdict, Memory]:
    """Judge one reading.

    Args:
        reading: What the sensors say.
        rules: What the owner says.
        now: The wall clock, with its offset.
        memory: What the judgement before handed on; a new one for the first.

    Raises:
        InputError: TZ names no time zone.
    """
    at = local(now, rules.calendar.zone).to_fixed_offset().to_stdlib()
    memory = _note(memory, reading, rules, at)
    look = Look(reading, rules, memory, at)
    faults = _faults(look)
    reasons = _pause_reasons(memory.pause, at, look)
    if rules.idle.owner_watched:
        reasons += presence.owner_reasons(look)
    reasons += _lasting_reasons(look, faults)
    reasons += _starting_reasons(look)
    reasons += hours_reasons(rules.calendar, at)
    memory = _note_failures(memory, reading, rules, faults)
    verdict, memory = _give_back(Verdict(at, tuple(reasons)), look, memory)
    return verdict, memory


def judge_hours(rules: Rules, now: datetime) -> Verdict:
    """What the settings alone say of a moment: nobody looks at the PC.

    Raises:
        InputError: TZ names no time zone.
    """
    at = local(now, rules.calendar.zone).to_fixed_offset().to_stdlib()
    return Verdict(at, tuple(hours_reasons(rules.calendar, at)))


def hours_reasons(calendar: Calendar, at: datetime) -> list[Reason]:
    """Why the hours hold this PC back at a local time."""
    opening = opening_at(calendar, at)
    if opening.may_start:
        return []
    then = opening.next_start
    if opening.free and opening.ends is not None:
        text = f"hours end at {clock_text(opening.ends, at)}"
        return [Reason(ReasonCode.HOURS, text, then, Permit.FINISH)]
    text = "no hours in sight" if then is None else f"hours from {clock_text(then, at)}"
    return [Reason(ReasonCode.HOURS, text, then, Permit.NOTHING)]


def _note(memory: Memory, reading: Reading, rules: Rules, at: datetime) -> Memory:
    memory = turn_page(memory, reading, at)
    memory = presence.note_input(memory, reading)
    memory = presence.note_presentation(memory, reading)
    memory = load.note_cpu(memory, reading, rules)
    pause = memory.pause
    if pause is not None and (
        (pause.until is not None and pause.until <= at)
        or (pause.until_locked and reading.locked is True)
    ):
        memory = replace(memory, pause=None)
    return memory


def _pause_reasons(pause: Pause | None, at: datetime, look: Look) -> list[Reason]:
    if pause is None:
        return []
    if pause.until is None:
        return [Reason(ReasonCode.PAUSED, pause.text(at), None, Permit.NOTHING)]
    until = local(pause.until, look.rules.calendar.zone).to_fixed_offset().to_stdlib()
    text = replace(pause, until=until).text(at)
    return [Reason(ReasonCode.PAUSED, text, until, Permit.NOTHING)]


def _faults(look: Look) -> dict[ReasonCode, Fault]:
    """Every lasting rule that fails now."""
    found = {
        ReasonCode.CPU: load.cpu_fault(look),
        ReasonCode.MEMORY: load.memory_fault(look),
        ReasonCode.DISK: load.disk_fault(look),
        ReasonCode.BATTERY: load.battery_fault(look),
        ReasonCode.PROGRAM: load.program_fault(look),
    }
    if look.rules.idle.owner_watched:
        found[ReasonCode.SESSION] = presence.session_fault(look)
        found[ReasonCode.PRESENTATION] = presence.presentation_fault(look)
    return {code: fault for code, fault in found.items() if fault is not None}


def _lasting_reasons(look: Look, faults: Mapping[ReasonCode, Fault]) -> list[Reason]:
    """What fails now, and what failed so recently that it does not yet count as over."""
    reasons = []
    lasting = look.rules.idle.lasting
    for code, afterwards in _AFTERWARDS.items():
        fault = faults.get(code)
        if fault is not None:
            until = look.after(lasting.total_seconds()) if code in _FLUCTUATES else None
            reasons.append(Reason(code, fault.text, until, fault.leaves))
        elif code in look.memory.failed_at:
            failed, left = look.memory.failed_at[code]
            waited = look.since(failed)
            if waited < lasting.total_seconds():
                text = f"{afterwards} {progress_text(waited, lasting)}"
                until = look.after(lasting.total_seconds() - waited)
                # Handing back once is enough.
                reasons.append(Reason(code, text, until, max(left, Permit.HOLD)))
    return reasons


def _starting_reasons(look: Look) -> list[Reason]:
    lasting = look.rules.idle.lasting
    waited = look.since(look.memory.waiting_since)
    if waited >= lasting.total_seconds():
        return []
    what = "woke up, or the clock jumped" if look.memory.woke else "just started"
    text = f"{what}: {progress_text(waited, lasting)}"
    until = look.after(lasting.total_seconds() - waited)
    return [Reason(ReasonCode.STARTING, text, until, Permit.FINISH)]


def _note_failures(
    memory: Memory, reading: Reading, rules: Rules, faults: Mapping[ReasonCode, Fault]
) -> Memory:
    lasting = rules.idle.lasting.total_seconds()
    kept = {
        code: failure
        for code, failure in memory.failed_at.items()
        if reading.taken_at - failure[0] < lasting
    }
    now = {code: (reading.taken_at, fault.leaves) for code, fault in faults.items()}
    return replace(memory, failed_at=kept | now)


def _give_back(verdict: Verdict, look: Look, memory: Memory) -> tuple[Verdict, Memory]:
    """Whatever has been frozen for ``give_back_after`` is handed back."""
    if not look.reading.engaged or verdict.permit >= Permit.FINISH:
        return verdict, replace(memory, resting_since=None)
    since = memory.resting_since
    if since is None:
        return verdict, replace(memory, resting_since=look.reading.taken_at)
    if look.since(since) < look.rules.yielding.give_back_after.total_seconds():
        return verdict, memory
    overdue = tuple(
        replace(reason, leaves=Permit.NOTHING) if reason.leaves is Permit.HOLD else reason
        for reason in verdict.reasons
    )
    return replace(verdict, reasons=overdue), memory
