"""The list of what a zip holds, in CycloneDX's JSON, for scanners: written from the zip itself, so it cannot differ.

The format is that of https://cyclonedx.org/docs/1.6/json/. No date and no serial number: the same zip gives the same
bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

SPEC_VERSION = "1.6"
METADATA = re.compile(r"[^/]+\.dist-info/METADATA")


def write(archive: Path) -> Path:
    """Write the list of a zip beside it, `<name>.cdx.json`, and return where."""
    target = archive.with_suffix(".cdx.json")
    target.write_text(json.dumps(of_zip(archive), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return target


def of_zip(archive: Path) -> dict[str, Any]:
    """Return the bill of materials of a zip: one library for each distribution that is in it, by name."""
    with zipfile.ZipFile(archive) as opened:
        texts = [opened.read(name).decode() for name in opened.namelist() if METADATA.fullmatch(name)]
    components = sorted((_component(text) for text in texts), key=lambda component: str(component["bom-ref"]))
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": archive.stem,
                "name": archive.stem,
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(archive.read_bytes()).hexdigest()}],
            }
        },
        "components": components,
        "dependencies": [{"ref": archive.stem, "dependsOn": [component["bom-ref"] for component in components]}],
    }


def _component(metadata: str) -> dict[str, Any]:
    fields = HeaderParser().parsestr(metadata)
    name, version = str(fields["Name"]), str(fields["Version"])
    # As package URLs spell it: https://github.com/package-url/purl-spec
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    component: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if expression := fields["License-Expression"]:
        component["licenses"] = [{"expression": str(expression)}]
    elif licence := str(fields["License"] or "").partition("\n")[0].strip():
        component["licenses"] = [{"license": {"name": licence}}]
    return component
