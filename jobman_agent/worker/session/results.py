"""Results at a worker: kept before they are sent, in lists, until their receipts. Pure.

Results that come together travel together, up to 256 KiB: one signature, one transaction, one
acknowledgement for all (PROTOCOL 3.3). Very short packages wait a moment for each other, while
others run; nothing waits when the worker would be idle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.model.messages import Attachment, Outcome, Result, Results
from jobman_agent.model.wire import MAX_LIST
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session.holdings import Batch, Errand, Item, Session
from jobman_agent.worker.session.rows import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jobman_agent.worker.session.state import State

LINGER_S = 0.05
"""So long results of very short packages wait for each other, while others run."""
SHORT_S = 0.25
AGAIN_S = 20.0
"""A list that was not confirmed is sent again after so long, or at the next connection."""
AGAIN_MOST_S = 640.0
_RESULT_BYTES = 300
_FILE_BYTES = 120


# ---- made
def back(item: Item, why: str) -> Result:
    """The result of a package that is handed back without having run."""
    return Result(package=item.package, attempt=item.attempt, outcome=Outcome.HANDED_BACK, why=why)


def lost(item: Item) -> Result:
    """The result of a package that ran when this worker's process died."""
    return Result(
        package=item.package,
        attempt=item.attempt,
        outcome=Outcome.LOST,
        why="the worker's process, or its PC, died while the package ran",
    )


def finish(
    state: State, item: Item, result: Result, contents: Mapping[str, bytes] | None = None
) -> None:
    """There is a result: it goes into the session's next list."""
    session = item.session
    state.move(item, Stage.FINISHED)
    session.worked = state.now
    if not session.results:
        session.results_since = state.now
    session.results.append((item, result, contents or {}))
    session.results_size += _size(result)


def _size(result: Result) -> int:
    files = (*result.files, *result.checkpoint, *((result.log,) if result.log else ()))
    listed = sum(len(f.path) + _FILE_BYTES for f in files)
    return _RESULT_BYTES + listed + len(result.why)


# ---- kept and sent
def keep_results(state: State, *, at_once: bool = False) -> None:
    """Make lists of what has finished, and keep them."""
    for session in state.sessions.values():
        if session.results and (at_once or not _worth_waiting(state, session)):
            results, session.results = session.results, []
            session.results_size = 0
            for group in _groups(results):
                _keep(state, session, group)


def _worth_waiting(state: State, session: Session) -> bool:
    if state.now - session.results_since >= LINGER_S or session.results_size >= MAX_LIST:
        return False
    return bool(state.runs) and state.leaving is None and (state.usual_s or 1.0) < SHORT_S


Finished = tuple[Item, Result, "Mapping[str, bytes]"]


def _groups(results: Iterable[Finished]) -> Iterable[list[Finished]]:
    group: list[Finished] = []
    size = 0
    for item, result, contents in results:
        if item.stage is not Stage.FINISHED:
            continue
        more = _size(result) + sum(map(len, contents.values()))
        if group and size + more > MAX_LIST:
            yield group
            group, size = [], 0
        group.append((item, result, contents))
        size += more
    if group:
        yield group


def _keep(state: State, session: Session, group: list[Finished]) -> None:
    contents: dict[str, bytes] = {}
    for _, _, each in group:
        contents.update(each)
    message = Results(
        time=state.time(),
        offer=session.offer,
        session=session.id,
        results=tuple(result for _, result, _ in group),
        attachments=tuple(Attachment(sha256=s, size=len(c)) for s, c in contents.items()),
    )
    size = sum(map(len, contents.values())) + sum(_size(result) for _, result, _ in group)
    batch = Batch(state.next_number(), session, size, state.now, {item for item, _, _ in group})
    state.batches[batch.number] = state.unsent[batch.number] = batch
    for item in batch.items:
        item.batch = batch.number
        state.touch_item(item)
    state.out.append(do.SaveBatch(batch.number, session.id, message, contents, size, state.now))


def publish(state: State) -> None:
    """Send the lists that the pool has not kept yet."""
    if state.boxes is None:
        return
    for batch in state.unsent.values():
        session = batch.session
        wanted = not batch.under_way and state.now >= batch.not_before
        if wanted and session.live and not session.boxless:
            batch.under_way = True
            state.send(None, Errand("results", session.result_box, session.id, batch))
            state.tell(f"returned {counted(len(batch.items))} to {session.name}", 7)


def not_confirmed(state: State, batch: Batch) -> None:
    """The pool may be blocked: the list is sent again later and later."""
    batch.again_s = min(AGAIN_MOST_S, 2 * batch.again_s or AGAIN_S)
    batch.not_before = state.now + batch.again_s


def counted(count: int) -> str:
    """So many packages, in words."""
    return "1 package" if count == 1 else f"{count} packages"
