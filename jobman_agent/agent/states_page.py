"""docs/states.md, made from the table of states; a test says when the file is out of date.

To make it anew::

    python -c "from jobman_agent.agent.states_page import page; print(page(), end='')"
"""

from __future__ import annotations

from jobman_agent.agent.states import MEANINGS, SETTLING, TABLE, Row, State, What

_HEAD = """\
# What the agent is doing

<!-- Made from jobman_agent/agent/states.py: change it there (jobman_agent/agent/states_page.py
says how this page is made). -->

The agent is in one of six states; `jobman status` shows which, with all the reasons for it. Events
move it. Every pair of a state and an event is in the table below: what is done, why nothing is, or
that it cannot happen.

"""

_BETWEEN = """\
*Italics*: a state goes on by itself, right after the event that brought it there.

- Whenever the worker has ended, the policy is asked anew before another one starts.
- After `jobman pause package`, "may start" is heard as "may finish"; the pause begins when nothing
  is held any more.
- Repeating what the policy said last does nothing.
- Whatever the state: `PAUSE` keeps the pause for the policy and over a restart, `RESUME` ends it,
  and `QUIT` makes the agent end as soon as its worker has left. "Noted" below means this.
"""


def page() -> str:
    """The page, in Markdown."""
    parts = [_HEAD, "## The states\n\n", _states(), "\n## How it moves\n\n", _diagram(), "\n"]
    parts += [_BETWEEN, "\n## Every event in every state\n"]
    parts += [f"\n### {state.name}\n\n{_rows(state)}" for state in State]
    return "".join(parts)


def _states() -> str:
    rows = "".join(f"| `{state.name}` | {MEANINGS[state]} |\n" for state in State)
    return "| state | what it means |\n|---|---|\n" + rows


def _diagram() -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"  [*] --> {State.OFF_DUTY.name}"]
    moves: dict[tuple[State, State], list[str]] = {}
    for (state, what), row in TABLE.items():
        if row.to is not state:
            moves.setdefault((state, row.to), []).append(what.name)
    for state, to, why in SETTLING:
        moves.setdefault((state, to), []).append(f"<i>{why}</i>")
    lines += [f"  {a.name} --> {b.name}: {'<br>'.join(names)}" for (a, b), names in moves.items()]
    return "\n".join([*lines, f"  {State.GONE.name} --> [*]", "```", ""])


def _rows(state: State) -> str:
    lines = ["| event | what happened | then | what is done |", "|---|---|---|---|"]
    for what in What:
        row = TABLE[state, what]
        to = "" if row.to is state else f"`{row.to.name}`"
        lines.append(f"| `{what.name}` | {what.value} | {to} | {_done(row)} |")
    return "\n".join([*lines, ""])


def _done(row: Row) -> str:
    if row.refused:
        return f"cannot happen: {row.why}"
    if row.why:
        return f"nothing: {row.why}"
    return ", ".join(do.value for do in row.do) or "noted"
