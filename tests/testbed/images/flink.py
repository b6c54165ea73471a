"""Flink images, with the paths and user of Apache's own, and PyFlink beside it."""

from __future__ import annotations

from pathlib import Path

from dcluster_provider.engines.releases import release_of
from testbed.images.packages import lay_out
from testbed.images.rootfs import JAVA_HOME, PYTHON, USERS
from testbed.oci import new_layer

VERSION = "2.3.0"
OTHER_VERSIONS = ("1.20.5",)  # the oldest
NAME = f"flink:{VERSION}"
HOME = "/opt/flink"
SETTINGS = {
    "User": "flink",
    "WorkingDir": HOME,
    "Env": [
        f"PATH={HOME}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        f"FLINK_HOME={HOME}",
        f"JAVA_HOME={JAVA_HOME}",
    ],
}
_DISTRIBUTION = ("bin", "lib", "conf", "opt", "plugins", "examples", "licenses")
_PACKAGES = f"/usr/local/lib/python{PYTHON}/dist-packages"


def make_flink_layers(version: str, flink: Path, python: Path, scratch: Path) -> None:
    """Lay Flink's package out as a distribution, and write PyFlink with what it needs as a layer above it.

    The distribution has file systems among its options, which the package lacks; that for S3 is enough here.
    """
    from maven import repository_of  # it keeps what it fetches in the cache, and so needs this package itself

    lay_out([f"apache-flink=={version}"], scratch, dependencies=True)
    package = scratch / "pyflink"
    with new_layer(flink, USERS["flink"]) as layer:
        layer.add_folder(HOME)
        layer.add_folder(f"{HOME}/log")
        for name in _DISTRIBUTION:
            layer.add(package / name, f"{HOME}/{name}")
        for jar in repository_of(release_of("flink", version).s3_packages).rglob("*.jar"):
            layer.add(jar, f"{HOME}/opt/{jar.name}")
    with new_layer(python) as layer:
        for path in sorted(scratch.iterdir()):
            if path.name not in {"bin", "share", "pyflink"}:
                layer.add(path, f"{_PACKAGES}/{path.name}")
        for path in sorted(package.iterdir()):
            # Python functions are started by pyflink/bin; the rest of the distribution is in FLINK_HOME.
            if path.name == "bin" or path.name not in {*_DISTRIBUTION, "log"}:
                layer.add(path, f"{_PACKAGES}/pyflink/{path.name}")
