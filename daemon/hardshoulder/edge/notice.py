"""Telling the driver: always in the log, and through a program of the car where one is configured."""

import logging
import os
from typing import TYPE_CHECKING

from hardshoulder.core.actions import Notice
from hardshoulder.core.notices import text_key
from hardshoulder.core.plan import Side

if TYPE_CHECKING:
    import subprocess

log = logging.getLogger("hardshoulder.notice")

RUNNING_AT_MOST = 4
"""Programs that still run; a hung loudspeaker must not fill the process table."""


class Cabin:
    """Shows notices. command: an executable and its arguments; the text comes last (none: log only).

    button: where the hazard button is. get_out: the side away from traffic.
    """

    def __init__(self, command: tuple[str, ...], texts: dict[str, str], button: str, get_out: Side) -> None:
        self._command = command
        self._texts = texts
        self._button = button
        self._get_out = get_out
        self._running: list[subprocess.Popen[bytes]] = []

    def text(self, notice: Notice) -> str:
        """The words for the driver, in the configured language."""
        return self._texts[text_key(notice, self._get_out)].format(button=self._button)

    def show(self, notice: Notice) -> None:
        """Tells the driver and returns at once; what cannot be shown is logged."""
        text = self.text(notice)
        log.warning("notice=%s text=%r", notice.value, text)
        self._running = [process for process in self._running if process.poll() is None]
        if not self._command:
            return
        if len(self._running) >= RUNNING_AT_MOST:
            log.error("notice=%s not shown: %d notice programs still run", notice.value, len(self._running))
            return
        import subprocess  # not above: the car is watched first

        environment = {**os.environ, "HARDSHOULDER_NOTICE": notice.value}
        try:
            self._running.append(
                subprocess.Popen(
                    [*self._command, text], stdin=subprocess.DEVNULL, env=environment, start_new_session=True
                )
            )
        except OSError as error:
            log.error("notice=%s not shown: %s: %s", notice.value, self._command[0], error.strerror)
