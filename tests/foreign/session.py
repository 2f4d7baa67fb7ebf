"""One session with one employer: docs/protocol.md, sections 4 and 6."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from envelope import LARGEST_ATTACHMENT, Junk, Message, OtherVersion, fresh_id, unseal
from files import Files
from holding import Held, Job
from package import Outcome, run

TOGETHER = 262_144
UNRECEIPTED = 64 * 1_048_576
ANSWER_S, BEAT_S, RUNS_S, QUIET_S, NO_WORD_S, LOST_S = 60, 200, 1, 60, 120, 600
PATIENCE_S = 10
"""So long it stays for receipts when it leaves: what it holds is in memory only."""


class Session:
    """From ask to bye."""

    def __init__(self, worker: Any, road: Any, job: Job) -> None:
        self.worker, self.road, self.job = worker, road, job
        self.id = fresh_id()
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.files = Files(self)
        self.newest: dict[str, tuple[int, int]] = {}
        self.end: str | None = None
        self.reason = "leaving"
        self.answered = self.leaving = False
        self.asked_at = self.heard_at = self.beat_at = time.monotonic()
        self.unanswered = 0
        for held in job.held.values():
            held.sent = False  # what another session was sent has had no receipt

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
                await self.files.fetch()
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

    async def tell(self, kind: str, contents: list[bytes] | None = None, **body: Any) -> None:
        session = body.get("session", self.id)
        box = self.road.result_box(self.job.employer, self.job.offer, session)
        await self._say(kind, box, contents, **body)

    async def _take(self, event: Any) -> None:
        if isinstance(event, Exception):
            raise event
        if event == "leave":
            for held in self.job.held.values():
                if held.state == "running":
                    held.task.cancel()
                    held.finish(Outcome("handed_back", "leaving"))
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
            if isinstance(why, OtherVersion):
                await self.tell("refuse", code="version", why=str(why), right="version 1")
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
        on = self.files if message.kind in {"need", "chunk"} else self
        await getattr(on, f"on_{message.kind}")(message)

    # ------------------------------------------------------------------ what the employer says

    async def on_offer(self, message: Message) -> None:
        """An offer does not come this way."""

    async def on_refuse(self, message: Message) -> None:
        self.worker.tell(f"refused: {message.body['code']}: {message.body['why']}")
        self.end = "refused"

    async def on_work(self, message: Message) -> None:
        body = message.body
        self.job.files |= message.contents
        for one in body["packages"]:
            key = (one["name"], one["attempt"])
            if key in self.job.seen:
                continue
            self.job.seen.add(key)
            held = self.job.held[key] = Held(body["recipe"], one)
            if self.leaving:
                held.finish(Outcome("handed_back", "leaving"))
            elif not self.worker.may_run(body["recipe"]["program"]):
                held.finish(Outcome("refused", "this PC does not have the program"))

    async def on_answer(self, message: Message) -> None:
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
                    held.finish(Outcome("handed_back", "as asked"))
                case "receipt" if held.state == "finished":
                    del self.job.held[key]
                    await self.files.take_away(held.contents)
                case "send_again":
                    held.sent = False

    async def on_bye(self, message: Message) -> None:
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
        await self.tell("result", session=body["session"], results=results)
        await self.tell("bye", session=body["session"], reason="leaving")

    # ------------------------------------------------------------------ files, running, returning

    def _start(self) -> None:
        """Start what is complete, while slots are free."""
        waiting = sum(sum(map(len, one.contents.values())) for one in self.job.held.values())
        if waiting > UNRECEIPTED:
            return
        free = self.worker.slots - sum(h.state == "running" for h in self.job.held.values())
        for held in list(self.job.held.values()):
            if free <= 0:
                return
            complete = all(one["sha256"] in self.job.files for one in held.inputs())
            if held.state == "waiting" and complete:
                held.state, free = "running", free - 1
                held.began = time.monotonic()
                held.task = asyncio.create_task(self._run(held))
                held.task.add_done_callback(self._ended)

    async def _run(self, held: Held) -> None:
        place = Path(self.worker.workplace, fresh_id())
        known = self.worker.programs, held.recipe, held.package, self.job.files
        outcome = await run(*known, place)
        held.task = None
        held.finish(outcome)
        self.worker.tell(f"{held.package['name']}: {outcome.outcome} {outcome.why}")

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
                        await self.files.give(content)
            results = [held.result for held in batch]
            await self.tell("result", [*attached.values()], results=results)
            for held in batch:
                held.sent = True

    # ------------------------------------------------------------------ time

    def _nothing_to_run(self) -> bool:
        return all(held.state == "finished" for held in self.job.held.values())

    async def _keep_time(self) -> None:
        now = time.monotonic()
        silent = now - self.heard_at
        if not self.answered:
            if self.leaving or now - self.asked_at > ANSWER_S:
                self.end = "no_answer"
            return
        if self.leaving:
            if not self.job.held or (self._nothing_to_run() and silent > PATIENCE_S):
                self.end = self.reason
        elif silent > NO_WORD_S and self._nothing_to_run():
            await self._leave()
        elif silent > LOST_S and self.unanswered:
            self.end = "silence"
        since_beat = now - self.beat_at
        wait = min(BEAT_S * 2**self.unanswered, 3600) if self.unanswered else BEAT_S
        quiet = self._nothing_to_run() and not self.unanswered and silent > QUIET_S
        runs = any(
            one.began is not None and now - one.began > RUNS_S for one in self.job.held.values()
        )
        if self.end is None and (since_beat > wait or quiet or runs):
            await self.beat()

    async def beat(self) -> None:
        self.beat_at = time.monotonic()
        self.unanswered += 1
        for held in self.job.held.values():
            if held.state != "waiting":
                held.began = None
        slots = 0 if self.leaving else self.worker.slots
        await self.tell("beat", slots=slots, holding=self.job.holding())

    async def _leave(self) -> None:
        """Hand back what has not started, and say bye."""
        self.leaving, self.heard_at = True, time.monotonic()
        for held in self.job.held.values():
            if held.state == "waiting":
                held.finish(Outcome("handed_back", "leaving"))
        await self._return()
        await self.tell("bye", reason="leaving")
