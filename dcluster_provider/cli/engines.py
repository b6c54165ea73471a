"""The commands ``airflow dcluster engines ...``."""

from __future__ import annotations

from argparse import Namespace

from dcluster_provider.cli.printing import print_table_or_json
from dcluster_provider.cli.session import command, print_progress
from dcluster_provider.core.errors import NotFound
from dcluster_provider.core.spec import ClusterSpec, parse
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.platforms.local.installation.engines import (
    ensure_engine,
    installed_engines,
    remove_engine,
)
from dcluster_provider.platforms.local.settings import LocalSettings


@command
def list_engines(args: Namespace, hook: DClusterHook) -> None:
    """List the installed engines with their versions, sizes and folders."""
    engines = installed_engines(hook.backend_settings(LocalSettings).engines_folder)
    rows = [(it.name, it.kind, it.version, f"{it.size // 10**6} MB", str(it.folder)) for it in engines]
    print_table_or_json(("NAME", "ENGINE", "VERSION", "SIZE", "FOLDER"), rows, args.output)


@command
def install_engines(args: Namespace, hook: DClusterHook) -> None:
    """Install the engine of a type of clusters unless it is installed, and print its folder."""
    settings = hook.backend_settings(LocalSettings)
    asked = {"tenant": "nobody", "type": args.type, "engine_version": args.engine_version}
    settings.check_version(parse(ClusterSpec, asked))
    engine = ensure_engine(args.type, settings, print_progress, args.engine_version)
    print(f"{engine.kind} {engine.version} in {engine.home}, Java {engine.java_version}")  # noqa: T201  # output


@command
def remove_engines(args: Namespace, hook: DClusterHook) -> None:
    """Remove every installed version of an engine."""
    folder = hook.backend_settings(LocalSettings).engines_folder
    names = [it.name for it in installed_engines(folder) if it.kind == args.engine]
    if not names:
        raise NotFound(f"no {args.engine} is installed in {folder}; see airflow dcluster engines list")
    for name in names:
        remove_engine(folder, name)
        print_progress(f"Removed {name}")
