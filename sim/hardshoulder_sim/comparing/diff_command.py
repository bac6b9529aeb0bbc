"""`hardshoulder-sim diff`: its options, and what it does with them."""

import argparse
from pathlib import Path

from hardshoulder.errors import UserError
from hardshoulder_sim.comparing.difference import as_lines, compare
from hardshoulder_sim.comparing.results import read_results

DIFFERENT = 1


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `diff`."""
    parser.set_defaults(run=run)
    parser.add_argument("before", type=Path, metavar="A.json", help="results of `replay` or `evaluate`")
    parser.add_argument("after", type=Path, metavar="B.json", help="results of the same over the same cases")


def run(options: argparse.Namespace) -> int:
    """0: the same; 1: something differs; 2, by way of UserError: cannot be compared."""
    before, after = read_results(options.before), read_results(options.after)
    if before.format != after.format:
        raise UserError(f"{after.path}: is {after.format} and {before.path} is {before.format}; compare like with like")
    if before.origin != after.origin:
        raise UserError(f"{after.path}: is of {after.origin} and {before.path} of {before.origin}: other cases")
    if not before.cases.keys() & after.cases.keys():
        raise UserError(f"{before.path} and {after.path} have no case in common")
    differences = compare(before, after)
    for line in as_lines(before, after, differences):
        print(line)
    return DIFFERENT if differences else 0
