"""The command line of the demo: what can go wrong is one line, and what was started is ended, whoever ends it."""

import os
import signal
import sys
from types import FrameType
from typing import Self

from hardshoulder.errors import UserError
from hardshoulder_sim.demo_options import folders, read

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Notes a signal instead of breaking off wherever the program stands: everything that runs is then ended in order.

    number: the first signal that came.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    def __enter__(self) -> Self:
        # What is ignored stays ignored: `nohup`, or a job in the background of a script.
        heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        return self.number is not None

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.number is None:
            self.number = number


def main(arguments: list[str] | None = None) -> int:
    """0: the story is complete; 1: something is missing; 2: bad input; 128 and the number of a signal that came."""
    with Interruption() as interruption:
        options = read(arguments)
        try:
            # On demand: it takes its time, and whoever interrupts meanwhile must not see where.
            from hardshoulder_sim.circle import run

            with folders(options):
                complete = run(options, lambda line: print(line, flush=True), interruption.__bool__)
        except BrokenPipeError:
            # Whoever read us has enough; without this Python complains once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except UserError as error:
            print("\n".join(f"scripts/demo: {problem}" for problem in error.problems), file=sys.stderr)
            return 2
        if interruption.number is not None:
            print("scripts/demo: interrupted; all that was started has ended", file=sys.stderr)
            return 128 + interruption.number
        return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
