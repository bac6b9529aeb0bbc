"""The software bill of a release, CycloneDX 1.6: what a car and a fleet install, pinned, with hashes and licences.

The locked sets say what and with which hashes; licences are those that the installed packages state of themselves. The
library writes the bill and brings the schema that it is held against before it is written.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
SETS = {"car": ROOT / "requirements" / "daemon.txt", "fleet": ROOT / "requirements" / "fleet.txt"}
SCHEMA = SchemaVersion.V1_6

_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(?:;\s*([^\\]*\S))?\s*\\?$")
_HASH = re.compile(r"\s+--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r"\s+#\s+(?:via\s+)?([A-Za-z0-9._-]+)(?:\s|$)")


@dataclass
class Pinned:
    """One package of a locked set. marker: where it is installed at all; via: who asks for it."""

    name: str
    version: str
    marker: str
    hashes: list[str] = field(default_factory=list)
    via: set[str] = field(default_factory=set)
    sets: set[str] = field(default_factory=set)


def read_set(path: Path) -> Iterator[Pinned]:
    """The packages of a file that scripts/lock wrote. Raises ValueError for one without a hash."""
    package: Pinned | None = None
    for line in path.read_text("utf-8").splitlines():
        if match := _PIN.match(line):
            if package is not None:
                yield _checked(package)
            package = Pinned(match[1], match[2], match[3] or "")
        elif package is not None and (match := _HASH.match(line)):
            package.hashes.append(match[1])
        elif package is not None and (match := _VIA.match(line)):
            package.via.add(match[1])
    if package is not None:
        yield _checked(package)


def _checked(package: Pinned) -> Pinned:
    if not package.hashes:
        raise ValueError(f"{package.name}=={package.version} has no hash; run scripts/lock")
    return package


def locked() -> dict[str, Pinned]:
    """Every package that a car or a fleet installs, by name."""
    found: dict[str, Pinned] = {}
    for name, path in SETS.items():
        for package in read_set(path):
            known = found.setdefault(package.name, package)
            if known.version != package.version:
                raise ValueError(f"{package.name} is pinned to {known.version} and {package.version}; run scripts/lock")
            known.sets.add(name)
            known.via |= package.via
    return found


def licence_of(name: str, version: str) -> License | None:
    """What the installed package states, at that version alone; None where it is not installed or says nothing."""
    try:
        said = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    if said["Version"] != version:
        return None
    stated = said["License-Expression"] or said["License"] or ""
    classifiers = [
        one.rpartition(" :: ")[2] for one in said.get_all("Classifier") or [] if one.startswith("License ::")
    ]
    # Some put the whole text there, which is no name.
    text = stated if stated and "\n" not in stated and len(stated) < 200 else " AND ".join(classifiers)
    return LicenseFactory().make_from_string(text) if text else None


def component_of(package: Pinned) -> Component:
    """The package as the bill names it."""
    purl = PackageURL("pypi", None, package.name, package.version)
    licence = licence_of(package.name, package.version)
    properties = [Property(name="hardshoulder:installed-by", value=name) for name in sorted(package.sets)]
    if package.marker:
        properties.append(Property(name="hardshoulder:marker", value=package.marker))
    # A release has several files, one for each kind of machine. Where they are fetched from is not ours to say.
    files = [
        ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(purl.to_string()),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one)],
        )
        for one in package.hashes
    ]
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=[] if licence is None else [licence],
        external_references=files,
        properties=properties,
    )


def bill() -> Bom:
    """The whole bill: ourselves, what is installed, and who needs whom."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    text = (ROOT / "daemon" / "hardshoulder" / "__init__.py").read_text("utf-8")
    version = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    assert version is not None, "the version stands in hardshoulder/__init__.py"
    purl = PackageURL("pypi", None, project["name"], version[1])
    ours = Component(
        type=ComponentType.APPLICATION,
        name=project["name"],
        version=version[1],
        purl=purl,
        bom_ref=purl.to_string(),
        description=project["description"],
        licenses=[LicenseFactory().make_from_string(project["license"])],
    )
    packages = locked()
    components = {name: component_of(package) for name, package in packages.items()}
    made = Bom(components=components.values())
    made.metadata.component = ours
    needs: dict[str, list[Component]] = {name: [] for name in (project["name"], *components)}
    for name, package in packages.items():
        for asker in package.via & needs.keys():
            needs[asker].append(components[name])
    made.register_dependency(ours, needs.pop(project["name"]))
    for name, needed in needs.items():
        made.register_dependency(components[name], needed)
    return made


def written(made: Bom) -> str:
    """The bill as JSON, held against the schema. Raises ValueError when it does not fit."""
    text = make_outputter(made, OutputFormat.JSON, SCHEMA).output_as_string(indent=2)
    if (error := JsonStrictValidator(SCHEMA).validate_str(text)) is not None:
        raise ValueError(f"the bill does not fit the schema of CycloneDX {SCHEMA.to_version()}: {error}")
    return text


def main() -> int:
    """Writes the bill and says where."""
    parser = argparse.ArgumentParser(prog="scripts/sbom", description="Writes the release's software bill.")
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args()
    try:
        made = bill()
        text = written(made)
        ours = made.metadata.component
        assert ours is not None
        out = options.out or ROOT / "out" / f"{ours.name}-{ours.version}.cdx.json"
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", encoding="utf-8")
    except (ValueError, OSError) as error:
        print(f"scripts/sbom: {error}", file=sys.stderr)
        return 2
    print(f"{out}: CycloneDX {SCHEMA.to_version()}, {len(made.components)} components of car and fleet")
    return 0


if __name__ == "__main__":
    sys.exit(main())
