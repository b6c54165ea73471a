"""The network of a testbed: a bridge for pods in a network namespace of its own, and one link to the host."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

BRIDGE = "pods"
BRIDGE_ADDRESS = "10.244.0.1"
PODS = "10.244.0.0/16"
SERVICES = "10.96.0.0/16"
FIRST_SERVICE = "10.96.0.1"
LINKS = ipaddress.IPv4Network("10.213.77.0/24")  # cut into networks of two addresses, one for each testbed
CONFIGURATION = {
    "cniVersion": "0.4.0",
    "name": "pods",
    "plugins": [
        {
            "type": "bridge",
            "bridge": BRIDGE,
            "isGateway": True,
            "ipMasq": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "dataDir": "/run/cni",
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}


@dataclass(frozen=True)
class Link:
    """A pair of connected interfaces, one on the host and one inside.

    :param name: the host's interface.
    """

    name: str
    host_address: str
    inner_address: str


def make_bridge() -> None:
    """Make the pods' bridge and let packets pass between interfaces, in this network namespace only."""
    _ip("link", "set", "lo", "up")
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("address", "add", f"{BRIDGE_ADDRESS}/16", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    for setting in ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"):
        file = Path("/proc/sys") / setting
        if file.exists():  # the second needs a kernel module that not every kernel has
            file.write_text("1")


def make_link(host_network: int, run_id: str) -> Link:
    """Connect this network namespace with the host's over addresses that the host does not use.

    :param host_network: file descriptor of the host's network namespace.
    :param run_id: the testbed's id, by which :func:`remove_link` finds the link.
    :raises RuntimeError: no link could be made, with what ``ip`` said last.
    """
    used = _used_networks(host_network)
    refusal = f"every part of {LINKS} is in use on this host"
    for number, network in enumerate(LINKS.subnets(new_prefix=30)):
        if any(network.overlaps(other) for other in used):
            continue
        name = f"dctestbed{number}"
        host, inner = map(str, network.hosts())
        try:
            _ip("link", "add", "host", "type", "veth", "peer", "name", name, "netns", _path(host_network))
        except RuntimeError as error:  # another testbed was faster
            refusal = str(error)
            continue
        altname = ["altname", _alternative_name(run_id)]
        _ip("link", "property", "add", "dev", name, *altname, network=host_network)
        _ip("address", "add", f"{inner}/30", "dev", "host")
        _ip("link", "set", "host", "up")
        _ip("address", "add", f"{host}/30", "dev", name, network=host_network)
        _ip("link", "set", name, "up", network=host_network)
        return Link(name, host, inner)
    raise RuntimeError(f"no link to the host's network can be made: {refusal}")


def remove_link(run_id: str) -> None:
    """Remove a dead testbed's link from the host: the kernel does so too, but when it finds the time."""
    if shutil.which("ip") is None:
        return  # without the program that makes links there is none
    try:
        _ip("link", "delete", "dev", _alternative_name(run_id))
    except RuntimeError as error:
        if "Cannot find device" not in str(error):
            raise


def _alternative_name(run_id: str) -> str:
    return f"dctestbed-{run_id}"


def _used_networks(host_network: int) -> list[ipaddress.IPv4Network]:
    routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all", network=host_network))
    targets = [route["dst"] for route in routes if route["dst"] != "default"]
    return [ipaddress.IPv4Network(target, strict=False) for target in targets]


def _ip(*arguments: str, network: int | None = None) -> str:
    enter = [] if network is None else ["nsenter", f"--net={_path(network)}"]
    done = subprocess.run([*enter, "ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _path(descriptor: int) -> str:
    return f"/proc/{os.getpid()}/fd/{descriptor}"
