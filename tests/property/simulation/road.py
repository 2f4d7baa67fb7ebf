"""The road between the two ends: a pool that behaves like RabbitMQ, or like a shared directory.

`amqp`: boxes that exist or not, expire, and keep order. `dir`: inboxes that are there once made,
seen late and out of order. On both a message may come twice, its confirmation may be lost, its
acknowledgement too, and an alarm stops everybody from sending.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .kernel import DAY, HOUR, Node, Sim

if TYPE_CHECKING:
    from jobman_agent.model.messages import Message, Offer

Said = Literal["ok", "unconfirmed", "undeliverable"]
LIFE = {"ask": 7 * DAY, "work": DAY, "res": 7 * DAY}


@dataclass(frozen=True)
class Letter:
    """A message on the road, and who signed it."""

    key: str
    sender: str
    message: Message
    start: int = 0


@dataclass
class Waiting:
    number: int
    visible: float
    letter: Letter
    handled: bool = False
    """Its acknowledgement was lost: it comes again after a reconnect."""


@dataclass
class Box:
    name: str
    life: float
    used: float
    reader: Node | None = None
    letters: list[Waiting] = field(default_factory=list)
    most: int = 0
    pumping: bool = False


@dataclass
class Standing:
    """An offer in the hiring queue."""

    offer: Offer
    key: str
    sender: str
    posted: float


class Names:
    """How boxes are called; the same object for all, since the sender is the node."""

    def __init__(self, sender: str) -> None:
        self.sender = sender

    def ask_box(self, employer: str, offer: str) -> str:
        return f"ask.{employer}.{offer}"

    def work_box(self, session: str) -> str:
        return f"work.{self.sender}.{session}"

    def result_box(self, employer: str, offer: str, session: str) -> str:
        return f"res.{employer}.{offer}.{session}"


class Road:
    def __init__(self, sim: Sim, kind: Literal["amqp", "dir"]) -> None:
        self.sim, self.kind = sim, kind
        self.up, self.alarm, self.held = True, False, False
        self.fault = 0.0
        """How often a publish, a confirmation or an acknowledgement gets lost."""
        self.boxes: dict[str, Box] = {}
        self.nodes: list[Node] = []
        self.offers: dict[str, Standing] = {}
        self._parked: list[tuple[str, Letter]] = []
        self._number = 0

    # ---- connections
    def link(self, node: Node) -> None:
        if node.connected or not node.up:
            return
        if node.asleep or node.cut or not self.up:
            node.after(self.sim.rng.uniform(1, 60), self.link, node)
            return
        node.connected = True
        node.on_connect()
        self.pump_all(node)

    def drop(self, node: Node) -> None:
        was, node.connected = node.connected, False
        for box in self.boxes.values():
            if box.reader is node:
                box.reader, box.used = None, self.sim.now
                for waiting in box.letters:
                    waiting.handled = False
        if was and node.up:
            node.on_disconnect()
            node.after(self.sim.rng.uniform(1, 30), self.link, node)

    def restart(self, seconds: float) -> None:
        if not self.up:
            return
        self.sim.say(f"pool down for {seconds:.0f} s")
        self.up = False
        for node in self.nodes:
            self.drop(node)
        self.sim.at(self.sim.now + seconds, self._come_back)

    def _come_back(self) -> None:
        self.up = True

    def raise_alarm(self, seconds: float) -> None:
        if not self.alarm:
            self.sim.say(f"alarm for {seconds:.0f} s: no publish passes")
            self.alarm = True
            self.sim.at(self.sim.now + seconds, self.end_alarm)

    def end_alarm(self) -> None:
        self.alarm = False
        parked, self._parked = self._parked, []
        for name, letter in parked:
            box = self.find(name)
            if box is not None:
                self._put(box, letter)

    # ---- boxes
    def find(self, name: str) -> Box | None:
        box = self.boxes.get(name)
        expires = self.kind == "amqp"
        if box and expires and box.reader is None and self.sim.now - box.used > box.life:
            self.sim.counts["boxes expired"] += 1
            del self.boxes[name]
            return None
        return box

    def declare(self, node: Node, name: str) -> None:
        if node.connected:
            box = self.find(name)
            if box is None:
                box = self.boxes[name] = Box(
                    name, LIFE[name.split(".", maxsplit=1)[0]], self.sim.now
                )
            box.used = self.sim.now

    def listen(self, node: Node, name: str) -> bool:
        box = self.find(name)
        if not node.connected or box is None:
            return False
        box.reader = node
        self._pump(box)
        return True

    def remove(self, node: Node, name: str) -> None:
        if node.connected:
            self.boxes.pop(name, None)

    def send(self, node: Node, name: str, letter: Letter) -> Said:
        node.point()
        if not node.connected:
            return "unconfirmed"
        luck = self.sim.rng.random()
        if self.alarm:
            if luck < 0.5:
                self._parked.append((name, letter))
            return "unconfirmed"
        box = self.find(name)
        if box is None:
            return "undeliverable"
        if luck < self.fault:
            self.sim.counts["publishes lost"] += 1
            return "unconfirmed"
        self._put(box, letter)
        if luck < 2 * self.fault:
            self.sim.counts["confirmations lost"] += 1
            return "unconfirmed"
        if luck < 3 * self.fault:
            self.sim.counts["duplicates"] += 1
            self._put(box, letter)
        node.point()
        return "ok"

    def put(self, name: str, letter: Letter) -> None:
        """Into a box from nowhere: forgeries."""
        box = self.find(name)
        if box is not None:
            self._put(box, letter)

    def _put(self, box: Box, letter: Letter) -> None:
        rng = self.sim.rng
        self._number += 1
        if self.kind == "amqp":
            late = rng.uniform(0.02, 0.2)
        else:
            late = rng.uniform(0.05, 1) if rng.random() < 0.9 else rng.uniform(1, 30)
        box.letters.append(Waiting(self._number, self.sim.now + late, letter))
        box.most = max(box.most, len(box.letters))
        self.sim.at(self.sim.now + late + 1e-6, self._pump, box)

    def pump_all(self, node: Node) -> None:
        for box in list(self.boxes.values()):
            if box.reader is node:
                self._pump(box)

    def quiet(self, node: Node) -> bool:
        """Whether nothing waits in the boxes that a node listens to."""
        return not any(
            not w.handled and w.visible <= self.sim.now
            for box in self.boxes.values()
            if box.reader is node
            for w in box.letters
        )

    def _pump(self, box: Box) -> None:
        node = box.reader
        if box.pumping or node is None or self.boxes.get(box.name) is not box:
            return
        box.pumping = True
        for waiting in list(box.letters):
            if box.reader is not node or not node.connected or node.asleep or not node.up:
                break
            if waiting not in box.letters or waiting.handled:
                continue
            if waiting.visible > self.sim.now:
                if self.kind == "amqp":
                    break
                continue
            if not node.guard(node.on_message, box.name, waiting.letter):
                break  # killed before it was acknowledged: it comes again
            if self.sim.rng.random() < self.fault:
                self.sim.counts["acknowledgements lost"] += 1
                waiting.handled = True
            elif waiting in box.letters:
                box.letters.remove(waiting)
        box.pumping = False

    # ---- the hiring queue
    def standing(self) -> list[Standing]:
        """What a scan sees: not while somebody else holds the queue."""
        return [] if self.held else list(self.offers.values())


__all__ = ["HOUR", "Box", "Letter", "Names", "Road", "Said", "Standing"]
