"""The daemon with a candidate ruleset that fails at the first speed it hears; no configuration can say that."""

import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from hardshoulder.app import Daemon
from hardshoulder.plan_cache import load_bundle


def main(config: Path) -> None:
    """Runs until it is stopped, as `hardshoulder run` does."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    bundle = load_bundle(config)
    wrong: Any = "fast"
    candidate = replace(bundle.plan, thresholds=replace(bundle.plan.thresholds, arm_above_kph=wrong), ruleset="broken")
    Daemon(replace(bundle, candidate=candidate)).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
