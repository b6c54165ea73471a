"""What the jobs of the tests bring beside their applications, made anew in a folder."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

from local_platform import APPLICATIONS, build_jar


def spark_dependencies(folder: Path, library: Path, repository: Path) -> dict[str, list[str]]:
    """The fields of a job that runs ``brings.py``.

    :param library: the folder of Spark's jars.
    :param repository: a folder that the job sees, too; becomes one of Maven.
    """
    names = folder / "names.txt"
    names.write_text("names of the file\n", encoding="utf-8")
    jar = build_jar(folder / "greeting", APPLICATIONS / "Greeting.java", library)
    return {
        "pyFiles": [str(package(folder)), str(wheel(folder, "wages"))],
        "requirements": requirements(folder),
        "files": [str(names)],
        "archives": [f"{data(folder)}#data"],
        "jars": [str(jar)],
        "packages": [maven_package(repository, library)],
        "repositories": [f"file://{repository}"],
    }


def maven_package(repository: Path, library: Path) -> str:
    """A package of one jar in a Maven repository: its coordinate."""
    folder = repository / "org" / "acme" / "farewell" / "1.0"
    folder.mkdir(parents=True)
    built = build_jar(folder / "built", APPLICATIONS / "Farewell.java", library)
    built.rename(folder / "farewell-1.0.jar")
    named = "<groupId>org.acme</groupId><artifactId>farewell</artifactId><version>1.0</version>"
    pom = f"<project><modelVersion>4.0.0</modelVersion>{named}</project>"
    (folder / "farewell-1.0.pom").write_text(pom, encoding="utf-8")
    return "org.acme:farewell:1.0"


def flink_dependencies(folder: Path) -> dict[str, list[str]]:
    """The fields of a job that runs ``brings_flink.py``."""
    return {
        "pyFiles": [str(package(folder)), str(wheel(folder, "wages"))],
        "requirements": requirements(folder),
        "archives": [f"{data(folder)}#data"],
    }


def package(folder: Path) -> Path:
    """A Python package of two modules."""
    rates = folder / "rates"
    rates.mkdir(exist_ok=True)
    (rates / "__init__.py").write_text("from rates.table import converted\n", encoding="utf-8")
    (rates / "table.py").write_text("def converted(number):\n    return 100 * number\n", encoding="utf-8")
    return rates


def data(folder: Path) -> Path:
    """A folder of data."""
    tables = folder / "tables"
    tables.mkdir(exist_ok=True)
    (tables / "table.txt").write_text("table of the archive\n", encoding="utf-8")
    return tables


def wheel(folder: Path, name: str) -> Path:
    """A wheel of one module, whose ``amount()`` is the length of its name."""
    path, info = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"def amount():\n    return {len(name)}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def requirements(folder: Path) -> list[str]:
    """What pip installs without a package index: a wheel, which a file asks for, too."""
    file = folder / "requirements.txt"
    file.write_text("taxes==1.0  # in the wheel\n", encoding="utf-8")
    return [str(wheel(folder, "taxes")), str(file)]


def packed_environment(folder: Path, python: str, also: str = "") -> Path:
    """An environment as venv-pack and conda-pack make them, with the module ``taxes``.

    :param python: the program that its own links to, where it is unpacked.
    :param also: a folder of packages beside its own; empty means those of the system.
    """
    path = folder / "environment.tar.gz"
    files = {
        "pyvenv.cfg": f"home = {Path(python).parent}\ninclude-system-site-packages = {str(not also).lower()}\n",
        "bin/conda-unpack": "import sys\nopen(sys.prefix + '/moved', 'a').write('moved')\n",
    }
    for minor in range(8, 15):  # of whatever Python it is
        packages = f"lib/python3.{minor}/site-packages"
        files |= {
            f"{packages}/taxes.py": "def amount():\n    return 5\n",
            f"{packages}/also.pth": f"{also}\n",
        }
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("bin/python")
        link.type, link.linkname = tarfile.SYMTYPE, python
        archive.addfile(link)
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o755
            archive.addfile(member, io.BytesIO(text.encode()))
    return path
