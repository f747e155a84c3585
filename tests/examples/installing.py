"""Packages of authors, installed for a test: their entry points are found as anybody's are."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

SHOP = Path(__file__).with_name("shop_source")
BUILD = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"


def install_wheel(source: Path, folder: Path) -> Path:
    """The package of *source*, built as a wheel and installed below *folder*; returns what belongs on the path."""
    copy, site = folder / "source", folder / "site"
    shutil.copytree(source, copy)
    subprocess.run([sys.executable, "-c", BUILD, folder], cwd=copy, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    # of a wheel of pure Python, installing is unpacking
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def install_entry_point(folder: Path, name: str, value: str, code: str) -> Path:
    """A package that is nothing but a module, `broken_source`, and one entry point of a source."""
    info = folder / "broken_source-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-source\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[temple_ledger.sources]\n{name} = {value}\n")
    (folder / "broken_source.py").write_text(code)
    return folder


def install_points(folder: Path, points: Mapping[str, Mapping[str, str]], **modules: str) -> Path:
    """A package that is nothing but these modules, by name, and entry points, by group; what belongs on the path."""
    info = folder / "installed_package-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-package\nVersion: 1.0\n")
    sections = [
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in named.items())])
        for group, named in points.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(sections) + "\n")
    for name, code in modules.items():
        (folder / f"{name}.py").write_text(code)
    return folder
