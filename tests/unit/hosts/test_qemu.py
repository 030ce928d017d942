"""What QEMU and Packer are given, without booting anything ('tox -e packer' does)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from stackproof.errors import BackendError, ConfigError
from stackproof.hosts import disks, images, packed
from stackproof.hosts.document import parse
from stackproof.hosts.inventory import loads
from stackproof.hosts.model import HostEntry, ImageSpec
from stackproof.hosts.providers.qemu import QemuProvider

INVENTORY = """
suites: {ami: {checks: 1}}
images:
  plain: {release: bookworm}
  built: {base: plain, packer: build.pkr.hcl, playbook: ansible/site.yml}
hosts:
  box: {suites: [ami], provider: qemu, system: debian-12, settings: {image: built}}
"""


def host(text: str, *capabilities: str) -> HostEntry:
    settings = parse(text, "lab.yml")
    return HostEntry("box", "qemu", ("ami",), capabilities=frozenset(capabilities), settings=settings)


def test_a_host_by_qemu_has_a_kernel_of_its_own_and_no_can() -> None:
    QemuProvider().check(host("{image: built, memory: 512}", "own-kernel", "audit", "network"))
    with pytest.raises(ConfigError, match="provider uml has one"):
        QemuProvider().check(host("{image: built}", "can"))


@pytest.mark.parametrize("text", ["{image: built, memory: 64}", "{memory: 512}", "{image: built, cpus: 2}"])
def test_settings_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"lab\.yml:1:"):
        QemuProvider().check(host(text))


@pytest.mark.parametrize("missing", ["base: plain", "playbook: ansible/site.yml"])
def test_an_image_by_packer_needs_a_base_and_a_playbook(missing: str) -> None:
    other = "release: bookworm" if missing.startswith("base") else "variables: {}"
    with pytest.raises(ConfigError, match="by Packer needs 'base' and 'playbook'"):
        loads(INVENTORY.replace(missing, other), "lab.yml")


class Prepared:
    """A session in which every command answers from a table of its last words."""

    def __init__(self, root: Path, listed: str = "") -> None:
        self.root, self.listed = root, listed
        self.inventory = loads(INVENTORY, "lab.yml")
        self.asked: list[str] = []

    def run(self, command: list[str], **_: Any) -> str:
        request = command[command.index("-R") + 1]
        self.asked.append(request)
        if request.startswith("dump "):
            Path(request.split()[2]).write_bytes(b"content")
        return self.listed


def test_the_newest_kernel_of_a_disk_boots_it_with_its_own_ram_disk(tmp_path: Path) -> None:
    listed = "".join(
        f"/{number}/100644/0/0/{name}/1/\n"
        for number, name in enumerate(("vmlinuz-6.1.9-1", "vmlinuz-6.1.10-1", "initrd.img-6.1.9-1"), 20)
    )
    session = Prepared(tmp_path, listed)
    kernel, memory = disks.boot_files(tmp_path / "disk.raw", tmp_path, session)  # type: ignore[arg-type]
    assert session.asked[1:] == [
        f"dump /boot/vmlinuz-6.1.10-1 {kernel}",
        f"dump /boot/initrd.img-6.1.10-1 {memory}",
    ]


def test_a_disk_without_a_kernel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="no kernel in /boot"):
        disks.boot_files(tmp_path / "disk.raw", tmp_path, Prepared(tmp_path))  # type: ignore[arg-type]


def test_a_template_that_is_not_there_is_named(tmp_path: Path) -> None:
    session = Prepared(tmp_path)
    with pytest.raises(BackendError, match=r"names the template build\.pkr\.hcl, which is not there"):
        packed.build(session.inventory.images["built"], session)  # type: ignore[arg-type]


def test_a_disk_by_packer_has_no_root_file_system_to_start_from(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="a disk that Packer builds"):
        images.root_of("built", Prepared(tmp_path))  # type: ignore[arg-type]


def test_another_template_or_playbook_makes_another_image(tmp_path: Path) -> None:
    spec = ImageSpec("built", base="plain", packer="build.pkr.hcl", playbook="ansible/site.yml")
    (tmp_path / "ansible").mkdir()
    seen = set()
    for file in ("build.pkr.hcl", "ansible/site.yml", "ansible/vars.yml"):
        (tmp_path / file).write_text("one", encoding="utf-8")
        seen.add(images.digest(spec, "base", tmp_path))
        (tmp_path / file).write_text("two", encoding="utf-8")
        seen.add(images.digest(spec, "base", tmp_path))
    assert len(seen) == 6


def test_debugfs_reads_a_file_of_a_partition(tmp_path: Path) -> None:
    """The real one, on a disk of a megabyte, where it is installed."""
    folder = tmp_path / "tree" / "boot"
    folder.mkdir(parents=True)
    for name in ("vmlinuz-6.1.0", "initrd.img-6.1.0"):
        (folder / name).write_text(name, encoding="ascii")
    disk = tmp_path / "disk.raw"
    disk.write_bytes(b"\0" * (4 * images.OFFSET))
    make = ["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", str(tmp_path / "tree")]
    try:
        subprocess.run([*make, "-E", f"offset={images.OFFSET}", str(disk), "2M"], check=True)
    except FileNotFoundError:
        pytest.skip("e2fsprogs is not installed")

    class Real(Prepared):
        def run(self, command: list[str], **_: Any) -> str:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    kernel, memory = disks.boot_files(disk, tmp_path, Real(tmp_path))  # type: ignore[arg-type]
    assert (kernel.read_text(), memory.read_text()) == ("vmlinuz-6.1.0", "initrd.img-6.1.0")
