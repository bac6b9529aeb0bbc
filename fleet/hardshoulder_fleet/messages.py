"""The message that brings the driver her link, through whatever channels the fleet has (Apprise)."""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, wait
from threading import Thread

from apprise import Apprise

from hardshoulder_fleet.config import EMERGENCY_NUMBER
from hardshoulder_fleet.core.contact import LOST_CONTACT
from hardshoulder_fleet.core.views import CheckInView

TIMEOUT_S = 10.0
"""The longest one channel may take; what has not been accepted by then counts as not sent."""
_GOES_AGAIN = frozenset({"recovered", "driving-on"})

log = logging.getLogger("hardshoulder_fleet.messages")


class MessageError(Exception):
    """The message went out on no channel; the text is one sentence."""


def headline(view: CheckInView) -> str:
    """What has happened, in the fewest words."""
    if view.kind == LOST_CONTACT:
        return "We have lost contact with your car."
    if view.kind == "crash":
        return "Your car has felt a crash."
    return "Your car had lost drive." if view.car_state in _GOES_AGAIN else "Your car has lost drive."


def check_in_text(view: CheckInView, link: str, emergency_number: str = EMERGENCY_NUMBER) -> str:
    """The message: a question, the link, and the promise that looking costs nothing."""
    return (
        f"{headline(view)} Are you all right?\n"
        f"Tell us here: {link}\n"
        "Opening it costs nothing and orders nothing. You see every price before you say yes.\n"
        f"In danger? Call {emergency_number}."
    )


def send_check_in(
    urls: Sequence[str],
    view: CheckInView,
    link: str,
    emergency_number: str = EMERGENCY_NUMBER,
    *,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Sends the link on every channel at once; returns when each has taken it, refused it or run out of time.

    Raises MessageError when none took it. One channel is enough: sending again would reach the
    driver twice on the channel that works.
    """
    text = check_in_text(view, link, emergency_number)
    attempts = [_start(url, text) for url in urls]
    wait(attempts, timeout_s)
    refused = [number for number, attempt in enumerate(attempts, start=1) if not _taken(attempt)]
    for number in refused:
        # By number alone: a channel's address holds its password.
        log.warning("check-in %s: channel %d of %d did not take the message", view.incident_id, number, len(urls))
    if len(refused) == len(attempts):
        raise MessageError(f"None of {len(attempts)} channels took the message for {view.incident_id}.")


def _start(url: str, text: str) -> "Future[bool]":
    """Sends in a thread that nobody has to wait for, even at the end of the process."""
    done: Future[bool] = Future()

    def send() -> None:
        try:
            done.set_result(_send(url, text))
        except Exception as error:
            done.set_exception(error)

    Thread(target=send, name="message", daemon=True).start()
    return done


def _send(url: str, text: str) -> bool:
    channel = Apprise()
    return channel.add(url) and bool(channel.notify(body=text, title="Are you all right?"))


def _taken(attempt: "Future[bool]") -> bool:
    return attempt.done() and attempt.exception() is None and attempt.result()
