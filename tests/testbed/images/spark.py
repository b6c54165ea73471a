"""Spark images, with the paths, user and entrypoint of Apache's own."""

from __future__ import annotations

from pathlib import Path

from testbed.images.packages import lay_out
from testbed.images.rootfs import JAVA_HOME, USERS
from testbed.oci import new_layer

VERSION = "3.5.9"
OTHER_VERSIONS = ("4.0.5", "4.3.0")  # the oldest and the newest of the other type
NAME = f"apache/spark:{VERSION}"
HOME = "/opt/spark"
ENTRYPOINT = Path(__file__).with_name("entrypoint.sh")
SETTINGS = {
    "User": "spark",
    "WorkingDir": f"{HOME}/work-dir",
    "Entrypoint": ["/opt/entrypoint.sh"],
    "Env": [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        f"SPARK_HOME={HOME}",
        f"JAVA_HOME={JAVA_HOME}",
        "PYSPARK_PYTHON=python3",
        "PYSPARK_DRIVER_PYTHON=python3",
    ],
}
_OWN_FOLDERS = ("bin", "sbin", "jars", "data", "examples", "licenses")


def make_spark_layer(version: str, file: Path, scratch: Path) -> None:
    """Lay PySpark's package out as a distribution of Spark."""
    lay_out([f"pyspark=={version}"], scratch, dependencies=False)
    package = scratch / "pyspark"
    with new_layer(file, USERS["spark"]) as layer:
        layer.add_folder(HOME)
        layer.add_folder(f"{HOME}/work-dir", 0o775)
        for name in _OWN_FOLDERS:
            layer.add(package / name, f"{HOME}/{name}")
        layer.add_folder(f"{HOME}/python")
        layer.add(package / "python" / "lib", f"{HOME}/python/lib")
        layer.add_folder(f"{HOME}/python/pyspark")
        for path in sorted(package.iterdir()):
            if path.name not in {*_OWN_FOLDERS, "python"}:
                layer.add(path, f"{HOME}/python/pyspark/{path.name}")
        layer.add_text("/opt/entrypoint.sh", ENTRYPOINT.read_text(), 0o755)
