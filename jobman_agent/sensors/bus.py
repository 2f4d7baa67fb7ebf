"""D-Bus calls that end in time, over one kept connection (jeepney, imported late)."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from typing import TYPE_CHECKING, Any

from jobman_agent.sensors.probe import Unseen

if TYPE_CHECKING:
    from jeepney import Message
    from jeepney.io.blocking import DBusConnection

CALL_SECONDS = 0.8
_NOBODY = ("org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner")
"""Errors that mean: no such service is running."""
_NO_METHOD = "org.freedesktop.DBus.Error.UnknownMethod"


class NoService(Unseen):
    """The service is not there."""


class NoMethod(Unseen):
    """The service knows no such method."""


class NoBus(Unseen):
    """There is no bus to ask."""


class Bus:
    """``SESSION`` or ``SYSTEM``; connects when it is first used, and again after any trouble."""

    def __init__(self, which: str, *, descriptors: bool = False) -> None:
        """Set it up.

        Args:
            which: The bus.
            descriptors: Whether open files may come with an answer.
        """
        self._which = which
        self._descriptors = descriptors
        self._link: DBusConnection | None = None
        self._heard: deque[Message] = deque()

    def call(
        self,
        service: str,
        path: str,
        call: str,
        signature: str | None = None,
        body: tuple[Any, ...] = (),
    ) -> tuple[Any, ...]:
        """Call a method of a service that runs; none is started by this.

        Args:
            service: Its bus name.
            path: The object's path.
            call: Interface and method, with a dot between.
            signature: Of the body.
            body: The arguments.

        Raises:
            NoBus: there is none, or it went away.
            NoService: nobody has that name.
            NoMethod: it has no such method.
            Unseen: it did not answer in time, or with an error.
        """
        from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call
        from jeepney.low_level import MessageFlag

        interface, _, method = call.rpartition(".")
        address = DBusAddress(path, bus_name=service, interface=interface)
        message = new_method_call(address, method, signature, body)
        message.header.flags |= MessageFlag.no_auto_start
        try:
            reply = self._connected().send_and_get_reply(message, timeout=CALL_SECONDS)
        except TimeoutError:
            # The answer may still come: it must not be taken for that to the next question.
            self.close()
            raise Unseen(f"{service} did not answer in {CALL_SECONDS:g} s") from None
        except (OSError, ValueError, EOFError) as exc:
            self.close()
            raise NoBus(f"the {self._which.lower()} bus went away: {exc}") from exc
        if reply.header.message_type is MessageType.error:
            name = reply.header.fields.get(HeaderFields.error_name, "an error")
            if name in _NOBODY:
                raise NoService(f"{service} does not run")
            if name == _NO_METHOD:
                raise NoMethod(f"{service} answered {name}")
            detail = reply.body[0] if reply.body else ""
            raise Unseen(f"{service} answered {name}: {detail}")
        return tuple(reply.body)

    def get_all(self, service: str, path: str, interface: str) -> dict[str, Any]:
        """All properties of an interface, without their types; raises as ``call``."""
        call = "org.freedesktop.DBus.Properties.GetAll"
        (found,) = self.call(service, path, call, "s", (interface,))
        return {name: value for name, (_type, value) in found.items()}

    def hear(self, service: str, path: str, interface: str) -> None:
        """Have the signals of an object kept for ``next_signal``; raises as ``call``."""
        from jeepney import MatchRule

        link = self._connected()
        rule = MatchRule(type="signal", sender=service, interface=interface, path=path)
        call = "org.freedesktop.DBus.AddMatch"
        self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", call, "s", (rule.serialise(),))
        # Signals carry their sender's number, not its name.
        link.filter(MatchRule(type="signal", interface=interface, path=path), queue=self._heard)

    def next_signal(self) -> tuple[str, tuple[Any, ...]]:
        """Wait for the next signal, however long: its name and what it says.

        Raises:
            NoBus: the bus went away, or somebody hung up.
        """
        from jeepney import HeaderFields

        link = self._connected()
        try:
            message = link.recv_until_filtered(self._heard)
        except (OSError, ValueError, EOFError) as exc:
            self.close()
            raise NoBus(f"the {self._which.lower()} bus went away: {exc}") from exc
        return str(message.header.fields[HeaderFields.member]), tuple(message.body)

    def hang_up(self) -> None:
        """From another thread: end ``next_signal``."""
        link = self._link
        if link is not None:
            with contextlib.suppress(OSError):  # gone already
                link.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        link, self._link = self._link, None
        self._heard.clear()
        if link is not None:
            link.close()

    def _connected(self) -> DBusConnection:
        if self._link is None:
            from jeepney.io.blocking import open_dbus_connection

            try:
                self._link = open_dbus_connection(
                    self._which, enable_fds=self._descriptors, auth_timeout=CALL_SECONDS
                )
            except TimeoutError as exc:  # somebody is there: unknown, not absent
                raise Unseen(f"the {self._which.lower()} bus does not answer: {exc}") from exc
            except Exception as exc:
                # KeyError without an address, OSError, its own errors: there is no bus to ask.
                raise NoBus(f"no {self._which.lower()} bus: {exc}") from exc
        return self._link
