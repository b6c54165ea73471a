"""The parts of the testbed that need no Kubernetes: its cache, the marks of living testbeds, its images' format."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from hanging import HANG_SECONDS
from testbed import network
from testbed.binaries import binaries
from testbed.cache import Piece, cache_folder, key_of, remove, remove_outdated
from testbed.choice import EXISTING, TestbedUnavailable, running_testbed
from testbed.image_store import image_store
from testbed.oci import Image, Layer, new_layer, write_archive
from testbed.run_folder import RunFolder, remove_dead

TESTS = Path(__file__).parent


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def silent(message: str) -> None:
    pass


def piece(name: str = "programs", key: str = "1", content: str = "built") -> Piece:
    return Piece(name, key, lambda folder, _report: (folder / "file").write_text(content) and None, "nothing")


def test_the_key_is_of_contents_and_of_where_one_ends_and_the_next_begins(tmp_path: Path) -> None:
    file = tmp_path / "go.mod"
    file.write_text("module a")
    key = key_of([file, "flags"])
    assert key == key_of(["module a", b"flags"])
    assert key != key_of(["module", " aflags"])
    file.write_text("module b")
    assert key_of([file, "flags"]) != key


def test_the_images_follow_the_recipes_and_the_programs_the_modules() -> None:
    assert binaries().folder.parent == cache_folder() == image_store().folder.parent
    assert binaries().key != image_store().key


def test_a_piece_is_built_once() -> None:
    built = []
    once = Piece("programs", "1", lambda folder, _report: built.append(folder), "nothing")
    assert once.ensure(silent) == once.ensure(silent)
    assert len(built) == 1


def test_two_builders_at_once_build_once() -> None:
    entered, built = threading.Barrier(2), []
    once = Piece("programs", "1", lambda folder, _report: built.append(folder), "nothing")

    def build() -> None:
        entered.wait(HANG_SECONDS)
        once.ensure(silent)

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


def test_a_half_built_piece_is_built_anew() -> None:
    def fail(folder: Path, _report: object) -> None:
        (folder / "half").touch()
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        Piece("programs", "1", fail, "nothing").ensure(silent)
    folder = piece().ensure(silent)
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_a_builder_that_was_killed_holds_no_lock_and_leaves_no_piece() -> None:
    script = """
import os, signal
from testbed.cache import Piece
Piece("programs", "1", lambda folder, report: os.kill(os.getpid(), signal.SIGKILL), "nothing").ensure(print)
"""
    killed = subprocess.run(
        [sys.executable, "-c", script], cwd=TESTS, capture_output=True, timeout=HANG_SECONDS, check=False
    )
    assert killed.returncode < 0, killed.stderr
    assert not piece().folder.exists()
    assert (piece().ensure(silent) / "file").read_text() == "built"


def test_builds_that_were_not_used_for_weeks_go_unless_a_testbed_runs_from_them() -> None:
    first, second, third, fourth = (piece(key=key) for key in "1234")
    for each in (first, second, third, fourth):
        each.ensure(silent)
        os.utime(each.folder, (0, 0))
    third.ensure(silent)
    half = cache_folder() / "programs.unfinished"
    half.mkdir()
    os.utime(half, (0, 0))
    other = piece(name="images").ensure(silent)
    assert set(remove_outdated([fourth], in_use=[second.folder])) == {first.folder, fourth.folder, half}
    assert not first.folder.exists()
    assert all(kept.exists() for kept in (second.folder, third.folder, other))


def test_folders_without_permissions_are_removed_too(tmp_path: Path) -> None:
    inner = tmp_path / "modules" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    inner.chmod(0o500)
    remove(tmp_path / "modules")
    assert not (tmp_path / "modules").exists()


def test_a_testbed_lives_while_any_process_holds_its_mark() -> None:
    run, mark = RunFolder.new()
    holder = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[mark])
    os.close(mark)
    assert run.is_alive()
    assert remove_dead() == []
    holder.kill()
    holder.wait()
    assert not run.is_alive()
    assert remove_dead() == [run.id]
    assert not run.path.exists()


def test_a_folder_whose_maker_was_killed_at_once_counts_as_dead() -> None:
    run, mark = RunFolder.new()
    os.close(mark)
    (run.path / "alive").unlink()
    assert not run.is_alive()
    assert remove_dead() == [run.id]


def test_state_that_was_never_written_reads_as_empty() -> None:
    run, mark = RunFolder.new()
    assert run.read(run.state) == {}
    run.write(run.state, {"phase": "started"})
    assert run.read(run.state) == {"phase": "started"}
    os.close(mark)


def test_shared_layers_are_written_once_and_names_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "program"
    source.write_text("#!")
    tar = tmp_path / "layer.tar"
    with new_layer(tar, owner=185) as writing:
        writing.add_folder("/opt/spark", 0o775)
        writing.add(source, "/opt/spark/program")
    layer = Layer.of(tar)
    output = io.BytesIO()
    write_archive(
        [Image("docker.io/a/one:1", [layer]), Image("docker.io/a/two:1", [layer], {"User": "9"})], output
    )
    output.seek(0)
    with tarfile.open(fileobj=output) as archive:
        names = archive.getnames()
        index = json.load(archive.extractfile("index.json"))
    assert names.count(f"blobs/sha256/{layer.digest}") == 1
    assert len(names) == len(set(names))
    images = [manifest["annotations"]["io.containerd.image.name"] for manifest in index["manifests"]]
    assert images == ["docker.io/a/one:1", "docker.io/a/two:1"]
    with tarfile.open(tar) as content:
        assert {(entry.name, entry.uid, entry.gid) for entry in content} == {
            ("opt/spark", 185, 185),
            ("opt/spark/program", 185, 185),
        }


def test_links_are_cut_from_one_network_that_pods_and_services_do_not_use() -> None:
    import ipaddress

    for other in (network.PODS, network.SERVICES):
        assert not network.LINKS.overlaps(ipaddress.ip_network(other))


def test_where_no_kubernetes_can_be_had_the_reason_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(EXISTING, raising=False)
    monkeypatch.setattr("testbed.lifecycle.NEEDED", {"no-such-program": "a package that nobody has"})
    monkeypatch.setenv("PATH", str(tmp_path))
    if os.geteuid() == 0:
        with (
            pytest.raises(TestbedUnavailable, match="not installed: a package that nobody has"),
            running_testbed(),
        ):
            pass
