"""What a target is: where bytes come in, which are meant, and what may become of any others."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Check = Callable[[bytes], bool]
"""Gives one input to the code. True: it was taken; False: refused with the error that is documented for it.

Anything else that it raises is a finding.
"""


@dataclass(frozen=True, slots=True)
class Target:
    """One place where bytes come in.

    fine: what may become of them, in a sentence. seeds: inputs as they are meant, which the chance starts from.
    make: the check, with a folder of its own, which begins anew for every input, so that one input repeats a finding.
    lasting: the same without beginning anew, for the memory; None: `make` does.
    limit_s: what one input may take, with room for a busy machine; most_bytes: how long one is.
    """

    name: str
    fine: str
    seeds: Callable[[], list[bytes]]
    make: Callable[[Path], Check]
    lasting: Callable[[Path], Check] | None = None
    limit_s: int = 20
    most_bytes: int = 4096
