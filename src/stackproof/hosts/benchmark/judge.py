"""An independent judge: OpenSCAP with Debian's own content, run inside a copy of an image.

The content (package ``ssg-debian``) is that of a newer release of Debian: the older ones have no rules for
Debian 12. It is had by apt, kept in the cache and never installed. A tailoring file selects the rules that
both know and gives OpenSCAP the values of the CIS profile.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stackproof.errors import BackendError
from stackproof.hosts import images

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

RELEASE = "trixie"
"""The release of Debian whose content is used."""

_PACKAGE = "ssg-debian"
_CONTENT = "usr/share/xml/scap/ssg/content/ssg-debian12-ds.xml"
_PREFIX = "xccdf_org.ssgproject.content_"
_NS = {"x": "http://checklists.nist.gov/xccdf/1.2"}
_PROFILE = "xccdf_stackproof_profile_both"
_TIME_LIMIT = 600.0


def content(session: Session) -> Path:
    """The data stream for Debian 12, fetched once. Raises ``BackendError`` when apt cannot have it."""
    folder = session.cache / "scap" / RELEASE
    found = folder / _CONTENT
    if found.is_file():
        return found
    state = session.scratch("apt")
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    source = f"deb [signed-by={keyring}] http://deb.debian.org/debian {RELEASE} main\n"
    (state / "sources.list").write_text(source, encoding="utf-8")
    (state / "lists" / "partial").mkdir(parents=True)
    apt = ["apt-get", "-qq", "-o", f"Dir::Etc::SourceList={state}/sources.list"]
    apt += ["-o", "Dir::Etc::SourceParts=/dev/null", "-o", f"Dir::State::Lists={state}/lists"]
    session.run([*apt, "update"], timeout=_TIME_LIMIT)
    session.run(["sh", "-c", 'cd "$1"; shift; exec "$@"', "sh", str(state), *apt, "download", _PACKAGE])
    package = next(state.glob(f"{_PACKAGE}_*.deb"))
    session.run(["dpkg-deb", "--extract", str(package), str(state / "tree")])
    (state / "tree" / _CONTENT).stat()
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.move(state / "tree", folder)
    return found


def known(stream: Path) -> frozenset[str]:
    """The ids of all rules that the content has, without their common prefix."""
    prefix = f"{_PREFIX}rule_"
    tag = f"{{{_NS['x']}}}Rule"
    found = set()
    for _, element in ET.iterparse(stream):
        if element.tag == tag:
            found.add(str(element.get("id")).removeprefix(prefix))
    return frozenset(found)


def verdicts(image: str, rules: Iterable[str], values: Mapping[str, str], session: Session) -> dict[str, str]:
    """OpenSCAP's word on each rule (``pass``, ``fail``, ``notapplicable`` …) inside a copy of an image.

    ``image`` names one of the inventory that holds the package ``openscap-scanner``. ``values`` are the
    content's variables by their short names. The answers to the same question are kept with the image.
    """
    stream = content(session)
    lower = images.root_of(image, session)
    tailoring = _tailoring(rules, values)
    digest = hashlib.sha256(tailoring.encode() + stream.read_bytes()).hexdigest()[:16]
    kept = session.cache / "scap" / "answers" / f"{lower.parent.name}-{digest}.json"
    if not kept.is_file():
        found = _judged(lower, stream, tailoring, session)
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{session.id}")
        partial.write_text(json.dumps(found, indent=1), encoding="utf-8")
        partial.rename(kept)
    answers: dict[str, str] = json.loads(kept.read_text(encoding="utf-8"))
    return answers


def _judged(lower: Path, stream: Path, tailoring: str, session: Session) -> dict[str, str]:
    """Run OpenSCAP in an overlay over ``lower``."""
    folder = session.scratch("judge")
    for layer in ("upper", "work", "root"):
        (folder / layer).mkdir()
    root = folder / "root"
    session.made("mount", str(root))
    layers = f"lowerdir={lower},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    session.run(["mount", "-t", "overlay", "-o", layers, "overlay", str(root)])
    (root / "var" / "judge").mkdir()
    shutil.copy(stream, root / "var" / "judge" / "content.xml")
    (root / "var" / "judge" / "tailoring.xml").write_text(tailoring, encoding="utf-8")
    command = (
        f"cd /var/judge && oscap xccdf eval --tailoring-file tailoring.xml --profile {_PROFILE} "
        "--results results.xml content.xml > said 2>&1; code=$?; [ $code = 0 ] || [ $code = 2 ] || "
        "{ tail -n 20 said >&2; exit $code; }"
    )
    images.inside(root, ["chroot", str(root), "sh", "-c", command], session, timeout=_TIME_LIMIT)
    return _results(root / "var" / "judge" / "results.xml")


def _tailoring(rules: Iterable[str], values: Mapping[str, str]) -> str:
    """An element a line: OpenSCAP 1.3 passes over every second of elements that follow without a blank."""
    selected = [f'<select idref="{_PREFIX}rule_{rule}" selected="true"/>' for rule in sorted(rules)]
    given = [
        f'<set-value idref="{_PREFIX}value_{name}">{value}</set-value>'
        for name, value in sorted(values.items())
    ]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<Tailoring xmlns="{_NS["x"]}" id="xccdf_stackproof_tailoring_both">',
        '<benchmark href="content.xml"/>',
        '<version time="2026-01-01T00:00:00">1</version>',
        f'<Profile id="{_PROFILE}">',
        "<title>What both judge</title>",
        *selected,
        *given,
        "</Profile>",
        "</Tailoring>",
    ]
    return "\n".join(lines) + "\n"


def _results(file: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for element in ET.parse(file).getroot().iter(f"{{{_NS['x']}}}rule-result"):
        result = element.find("x:result", _NS)
        name = str(element.get("idref")).removeprefix(f"{_PREFIX}rule_")
        if result is not None and result.text != "notselected":
            found[name] = str(result.text)
    if not found:
        raise BackendError("OpenSCAP judged no rule")
    return found
