"""One session with one employer: docs/protocol.md, sections 4 and 6."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import package as runner
from envelope import LARGEST_ATTACHMENT, Junk, Message, fresh_id, sha256, unseal

TOGETHER = 262_144
CHUNK, ONE_NEED = 1_000_000, 16 * 1_048_576
ANSWER_S, BEAT_S, QUIET_S, NO_WORD_S, LOST_S, FILE_S = 60, 200, 60, 120, 600, 60
Key = tuple[str, int]


@dataclass
class Held:
    """A package that this worker holds, from its `work` to its receipt."""

    recipe: dict[str, Any]
    package: dict[str, Any]
    state: str = "waiting"
    task: asyncio.Task[None] | None = None
    result: dict[str, Any] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    sent: bool = False

    def inputs(self) -> list[dict[str, Any]]:
        return self.recipe["common"] + self.package["files"] + self.package["checkpoint"]


@dataclass
class Job:
    """What is known of one offer, whatever becomes of its sessions."""

    employer: str
    offer: str
    held: dict[Key, Held] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    seen: set[Key] = field(default_factory=set)

    def holding(self) -> list[dict[str, Any]]:
        return [
            {"package": name, "attempt": attempt, "state": one.state}
            for (name, attempt), one in self.held.items()
        ]


@dataclass
class Lacking:
    """A file that is on its way."""

    size: int
    since: float
    had: bytearray = field(default_factory=bytearray)
    comes_to: int = 0
    """Up to this byte it comes without another `need`."""

    def is_coming(self) -> bool:
        return len(self.had) < min(self.comes_to, self.size)


class Session:
    """From ask to bye."""

    def __init__(self, worker: Any, road: Any, job: Job) -> None:
        self.worker, self.road, self.job = worker, road, job
        self.id = fresh_id()
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.lacking: dict[str, Lacking] = {}
        self.newest: dict[str, tuple[int, int]] = {}
        self.end: str | None = None
        self.reason = "leaving"
        self.answered = self.leaving = False
        self.asked_at = self.heard_at = self.beat_at = time.monotonic()
        self.unanswered = 0

    async def serve(self) -> str:
        """Ask, work, and say why it ended: a reason of `bye`, `refused`, `no_answer`, `silence`."""
        ways = self.road, self.job.employer, self.job.offer, self.id
        await self.road.join(*ways[1:])
        await self._say(
            "ask",
            self.road.ask_box(self.job.employer, self.job.offer),
            work_box=self.road.work_box(self.id),
            result_box=self.road.result_box(*ways[1:]),
            holding=self.job.holding(),
            **self.worker.about(),
        )
        reader = asyncio.create_task(self._read())
        reader.add_done_callback(self._ended)
        try:
            while self.end is None:
                await self._take(await self._next_event())
                await self._fetch()
                self._start()
                await self._return()
                await self._keep_time()
        finally:
            reader.cancel()
        if self.end in {"job_done", "no_answer", "refused"}:
            await self.road.remove(self.road.result_box(*ways[1:]))
        await self.road.leave(self.id)
        return self.end

    # ------------------------------------------------------------------ in and out

    async def _next_event(self) -> Any:
        try:
            return await asyncio.wait_for(self.events.get(), 0.5)
        except TimeoutError:
            return None

    async def _read(self) -> None:
        while True:
            self.events.put_nowait(await self.road.receive())

    def _ended(self, task: asyncio.Task[None]) -> None:
        """What went wrong in a task goes wrong in the session."""
        error = None if task.cancelled() else task.exception()
        self.events.put_nowait(error or "ended")

    async def _say(
        self, kind: str, box: str, contents: list[bytes] | None = None, **body: Any
    ) -> None:
        number = self.worker.next_number()
        if kind in {"beat", "need"}:
            body |= {"start": number[0], "count": number[1]}
        ids = {"offer": self.job.offer, "session": self.id}
        frame = self.worker.seal(kind, ids | body, contents or [])
        await self.road.send(box, body.get("session", self.id), frame, number)

    async def _tell(self, kind: str, contents: list[bytes] | None = None, **body: Any) -> None:
        session = body.get("session", self.id)
        box = self.road.result_box(self.job.employer, self.job.offer, session)
        await self._say(kind, box, contents, **body)

    async def _take(self, event: Any) -> None:
        if isinstance(event, Exception):
            raise event
        if event == "leave":
            await self._leave()
        elif isinstance(event, list):
            for handle, frame in event:
                await self._obey(frame)
                await self.road.done([handle])

    async def _obey(self, frame: bytes) -> None:
        """Do what a message says; what is junk, or another's word, counts for nothing."""
        try:
            message = unseal(frame)
        except Junk as why:
            self.worker.tell(f"junk: {why}")
            return
        body = message.body
        if message.sender != self.job.employer or body["offer"] != self.job.offer:
            return
        if body.get("session") != self.id:
            if message.kind == "work":
                await self._turn_away(body)
            return
        if message.kind in {"answer", "need"}:
            pair = (body["start"], body["count"])
            if pair <= self.newest.get(message.kind, (-1, -1)):
                return
            self.newest[message.kind] = pair
        self.road.poll_s = body["poll_s"] or 0.0
        self.heard_at, self.answered = time.monotonic(), True
        await getattr(self, f"_on_{message.kind}")(message)

    # ------------------------------------------------------------------ what the employer says

    async def _on_offer(self, message: Message) -> None:
        """An offer does not come this way."""

    async def _on_refuse(self, message: Message) -> None:
        self.worker.tell(f"refused: {message.body['code']}: {message.body['why']}")
        self.end = "refused"

    async def _on_work(self, message: Message) -> None:
        body = message.body
        self.job.files |= message.contents
        for one in body["packages"]:
            key = (one["name"], one["attempt"])
            if key in self.job.seen:
                continue
            self.job.seen.add(key)
            held = self.job.held[key] = Held(body["recipe"], one)
            if self.leaving:
                self._finish(held, runner.Outcome("handed_back", "leaving"))
            elif not self.worker.may_run(body["recipe"]["program"]):
                self._finish(held, runner.Outcome("refused", "this PC does not have the program"))

    async def _on_answer(self, message: Message) -> None:
        self.unanswered = 0
        for item in message.body["items"]:
            key = (item["package"], item["attempt"])
            held = self.job.held.get(key)
            if held is None:
                continue
            match item["say"]:
                case "stop":
                    if held.task is not None:
                        held.task.cancel()
                    del self.job.held[key]
                case "give_back" if held.state == "waiting":
                    self._finish(held, runner.Outcome("handed_back", "as asked"))
                case "receipt" if held.state == "finished":
                    del self.job.held[key]
                case "send_again":
                    held.sent = False

    async def _on_need(self, message: Message) -> None:
        known, room = {}, ONE_NEED
        for held in self.job.held.values():
            known |= held.contents
        for wanted in message.body["files"]:
            content = known.get(wanted["sha256"])
            if content is None:
                self.worker.tell(f"asked for a file that is not here: {wanted['sha256']}")
            elif self.road.has_blobs:
                await self.road.put_blob(content, self._temporary())
            else:
                last = min(len(content), wanted["first"] + room)
                room -= max(0, last - wanted["first"])
                await self._send_chunks(wanted["sha256"], content, wanted["first"], last)

    async def _send_chunks(self, name: str, content: bytes, first: int, last: int) -> None:
        for offset in range(first, last, CHUNK):
            piece = content[offset : min(offset + CHUNK, last)]
            await self._tell("chunk", [piece], sha256=name, total=len(content), offset=offset)

    def _temporary(self) -> str:
        """A name for a blob that is being written."""
        start, count = self.worker.next_number()
        return f"{self.worker.me}.blob.{start:08}{count:010}"

    async def _on_chunk(self, message: Message) -> None:
        name, offset = message.body["sha256"], message.body["offset"]
        file = self.lacking.get(name)
        if file is None or offset > len(file.had) or len(message.contents) != 1:
            return
        (piece,) = message.contents.values()
        file.had[offset : offset + len(piece)] = piece
        file.since = time.monotonic()
        if len(file.had) == file.size:
            if sha256(file.had) == name:
                self.job.files[name] = bytes(file.had)
            file.had, file.comes_to = bytearray(), 0

    async def _on_bye(self, message: Message) -> None:
        self.worker.tell(f"bye: {message.body['reason']} {message.body['text']}")
        if message.body["reason"] != "job_done":
            self.reason = message.body["reason"]
            await self._leave()
            return
        for held in self.job.held.values():
            if held.task is not None:
                held.task.cancel()
        self.job.held.clear()
        self.end = "job_done"

    async def _turn_away(self, body: dict[str, Any]) -> None:
        """Hand back work of a session that this worker has left."""
        results = [
            {"package": one["name"], "attempt": one["attempt"], "outcome": "handed_back"}
            for one in body["packages"]
        ]
        await self._tell("result", session=body["session"], results=results)
        await self._tell("bye", session=body["session"], reason="leaving")

    # ------------------------------------------------------------------ files, running, returning

    async def _fetch(self) -> None:
        """Get what packages lack: from blobs/, or with `need`."""
        for held in self.job.held.values():
            if held.state == "waiting":
                for one in held.inputs():
                    if one["sha256"] not in self.job.files:
                        self.lacking.setdefault(
                            one["sha256"], Lacking(one["size"], time.monotonic())
                        )
        for name in list(self.lacking):
            if not self.lacking[name].size:
                self.job.files[name] = b""
            elif self.road.has_blobs and (content := await self.road.get_blob(name)) is not None:
                self.job.files[name] = content
            if name in self.job.files:
                del self.lacking[name]
        now = time.monotonic()
        old = any(now - file.since > FILE_S for file in self.lacking.values())
        coming = self.road.has_blobs or any(file.is_coming() for file in self.lacking.values())
        if self.lacking and (old or not coming):
            await self._need(now)

    async def _need(self, now: float) -> None:
        """Ask for all that is lacking, from where it breaks off; only the newest `need` counts."""
        room, files = ONE_NEED, []
        for name, file in self.lacking.items():
            file.since, file.comes_to = now, min(file.size, len(file.had) + room)
            room -= file.comes_to - len(file.had)
            if file.is_coming():
                files.append({"sha256": name, "first": len(file.had)})
        await self._tell("need", files=files)

    def _start(self) -> None:
        """Start what is complete, while slots are free."""
        free = self.worker.slots - sum(h.state == "running" for h in self.job.held.values())
        for held in list(self.job.held.values()):
            if free <= 0:
                return
            complete = all(one["sha256"] in self.job.files for one in held.inputs())
            if held.state == "waiting" and complete:
                held.state, free = "running", free - 1
                held.task = asyncio.create_task(self._run(held))
                held.task.add_done_callback(self._ended)

    async def _run(self, held: Held) -> None:
        place = Path(self.worker.workplace, fresh_id())
        known = self.worker.programs, held.recipe, held.package, self.job.files
        outcome = await runner.run(*known, place)
        held.task = None
        self._finish(held, outcome)
        self.worker.tell(f"{held.package['name']}: {outcome.outcome} {outcome.why}")

    def _finish(self, held: Held, outcome: runner.Outcome) -> None:
        held.state, held.sent = "finished", False
        files = dict(outcome.files)
        held.contents = {sha256(content): content for content in files.values()}
        held.result = {
            "package": held.package["name"],
            "attempt": held.package["attempt"],
            "outcome": outcome.outcome,
            "exit_code": outcome.exit_code,
            "signal": outcome.signal,
            "seconds": outcome.seconds,
            "cpu_seconds": outcome.cpu_seconds,
            "peak_memory": outcome.peak_memory,
            "files": [_named(path, content) for path, content in files.items()],
            "why": outcome.why[:2000],
        }
        if outcome.log is not None:
            held.contents[sha256(outcome.log)] = outcome.log
            held.result["log"] = _named("log.txt", outcome.log)

    async def _return(self) -> None:
        """Send what is finished: small files with it, large ones by hash."""
        ready = [h for h in self.job.held.values() if h.state == "finished" and not h.sent]
        while ready:
            batch, attached, room = [], {}, TOGETHER
            while ready and len(batch) < 100 and room > 0:
                held = ready.pop(0)
                batch.append(held)
                for name, content in held.contents.items():
                    if name in attached:
                        continue
                    if len(content) <= min(LARGEST_ATTACHMENT, room):
                        attached[name] = content
                        room -= len(content)
                    elif self.road.has_blobs:
                        await self.road.put_blob(content, self._temporary())
            results = [held.result for held in batch]
            await self._tell("result", [*attached.values()], results=results)
            for held in batch:
                held.sent = True

    # ------------------------------------------------------------------ time

    def _nothing_to_run(self) -> bool:
        return all(held.state == "finished" for held in self.job.held.values())

    async def _keep_time(self) -> None:
        now = time.monotonic()
        silent = now - self.heard_at
        if not self.answered:
            if now - self.asked_at > ANSWER_S:
                self.end = "no_answer"
            return
        if self.leaving:
            if not self.job.held or silent > 10:
                self.end = self.reason
        elif silent > NO_WORD_S and self._nothing_to_run():
            await self._leave()
        elif silent > LOST_S and self.unanswered:
            self.end = "silence"
        since_beat = now - self.beat_at
        wait = min(BEAT_S * 2**self.unanswered, 3600) if self.unanswered else BEAT_S
        quiet = self._nothing_to_run() and not self.unanswered and silent > QUIET_S
        if self.end is None and not self.leaving and (since_beat > wait or quiet):
            await self.beat()

    async def beat(self) -> None:
        self.beat_at = time.monotonic()
        self.unanswered += 1
        slots = 0 if self.leaving else self.worker.slots
        await self._tell("beat", slots=slots, holding=self.job.holding())

    async def _leave(self) -> None:
        """Hand back what is not finished, and say bye."""
        self.leaving, self.heard_at = True, time.monotonic()
        for held in self.job.held.values():
            if held.state != "finished":
                if held.task is not None:
                    held.task.cancel()
                    held.task = None
                self._finish(held, runner.Outcome("handed_back", "leaving"))
        await self._return()
        await self._tell("bye", reason="leaving")


def _named(path: str, content: bytes) -> dict[str, Any]:
    return {"path": path, "size": len(content), "sha256": sha256(content)}
