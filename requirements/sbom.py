"""A bill of materials of an installation, CycloneDX 1.6 in JSON: `python -m requirements.sbom FILE`.

From the lock alone, so that two runs are equal byte by byte.
"""

import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from requirements.licences import LICENCES, VENDORED
from requirements.lock import PROJECT, Pinned, shipped

NAMESPACE = UUID("8d2f9f0e-6a2f-4a55-9d5c-1a3b52c1d0aa")


def bill() -> dict[str, Any]:
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    found = shipped()
    components = [_component(each) for each in found.values()] + [
        {
            "type": "library",
            "bom-ref": f"vendored:{each.name}@{each.version}",
            "name": each.name,
            "version": each.version,
            "licenses": [{"license": {"id": each.licence}}],
            "properties": [{"name": "temple:where", "value": each.where}],
        }
        for each in VENDORED
    ]
    own = f"pkg:pypi/{name}@{version}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE, json.dumps(components, sort_keys=True))}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": name,
                "version": version,
                "purl": own,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
        "dependencies": [
            {"ref": own, "dependsOn": _references(each for each in found.values() if _ours(each))},
            *({"ref": _reference(each), "dependsOn": _references(_needed_by(each, found))} for each in found.values()),
        ],
    }


def _component(each: Pinned) -> dict[str, Any]:
    reference = _reference(each)
    licence = LICENCES[each.name]
    chosen: dict[str, Any] = {"expression": licence} if " " in licence else {"license": {"id": licence}}
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": reference,
        "name": each.name,
        "version": each.version,
        "purl": reference,
        "licenses": [chosen],
        # of each file that it may be installed from
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in each.hashes],
    }
    if each.marker is not None:
        found["properties"] = [{"name": "temple:marker", "value": each.marker}]
    return found


def _reference(each: Pinned) -> str:
    return f"pkg:pypi/{each.name}@{each.version}"


def _references(several: Iterable[Pinned]) -> list[str]:
    return sorted(map(_reference, several))


def _needed_by(one: Pinned, found: Mapping[str, Pinned]) -> Iterable[Pinned]:
    return (each for each in found.values() if one.name in each.via)


def _ours(each: Pinned) -> bool:
    return "temple-ledger (pyproject.toml)" in each.via


def main(file: str) -> None:
    Path(file).write_text(json.dumps(bill(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
