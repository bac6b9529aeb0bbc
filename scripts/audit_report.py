"""What pip-audit's JSON says of a locked set, in lines: an unasked package is told, for pip-audit counts it as sound.

audit_report.py NAME <json     exit 0: nothing is known against it; 1: something is; 3: not all of it was asked about
"""

import json
import sys

_SHOWN = 5


def told(name: str, text: str) -> tuple[int, list[str]]:
    """Exit code and lines for the set of that name; text: what pip-audit wrote, "" where it wrote nothing."""
    try:
        packages = json.loads(text)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 3, [f"{name}: no advisory service answers, so it was not audited"]
    known = [
        f"{name}: {one['name']} {one['version']}: {flaw['id']}, "
        f"mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for one in packages
        for flaw in one.get("vulns", [])
    ]
    unasked = [one["name"] for one in packages if "skip_reason" in one]
    if unasked:
        some = ", ".join(unasked[:_SHOWN]) + (", …" if len(unasked) > _SHOWN else "")
        known.append(
            f"{name}: the advisory service knows nothing of {len(unasked)} of {len(packages)} packages ({some}), "
            "so they were not audited"
        )
    if len(known) > bool(unasked):
        return 1, known
    return (3, known) if unasked else (0, [f"{name}: nothing is known against its {len(packages)} packages"])


def main() -> int:
    """Reads standard input."""
    code, lines = told(sys.argv[1], sys.stdin.read())
    print("\n".join(lines), file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
