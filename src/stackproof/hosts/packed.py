"""An image that Packer builds: QEMU boots the disk of another image, the template's playbook changes it.

Packer runs in a network namespace that holds nothing but its own loopback: what it builds, it builds without
a network. The disk to start from lets ``builder`` in by a key that is made for this build alone; template and
playbook must remove both, and the checks of the image see to it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stackproof.errors import BackendError
from stackproof.hosts import images, machines
from stackproof.hosts.model import ImageSpec, Need
from stackproof.hosts.programs import program

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

USER: Final = "builder"
_TIME_LIMIT: Final = 3600.0

_SEED: Final = """
set -eu
useradd --create-home --shell /bin/sh {user}
install -d -m 700 -o {user} -g {user} /home/{user}/.ssh
echo '{key}' > /home/{user}/.ssh/authorized_keys
chown {user}: /home/{user}/.ssh/authorized_keys
chmod 600 /home/{user}/.ssh/authorized_keys
echo '{user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{user}
chmod 440 /etc/sudoers.d/{user}
"""


def needs() -> Sequence[Need]:
    """What a build by Packer asks of the machine beyond the image that it starts from."""
    return (
        Need("packer", bool(program("packer")), "packer", "builds the image"),
        Need("qemu", bool(program("qemu-system-x86_64")), "qemu-system-x86", "boots it"),
        Need("qemu-img", bool(program("qemu-img")), "qemu-utils", "copies its disk"),
        Need("ssh-keygen", bool(program("ssh-keygen")), "openssh-client", "its temporary key"),
    )


def build(spec: ImageSpec, session: Session) -> Path:
    """The raw disk, built now if it is not kept yet; ``packer.log`` beside it is what Packer said.

    Raises ``BackendError`` with Packer's last words.
    """
    template = session.root / spec.packer
    if not template.is_file():
        raise BackendError(f"image '{spec.name}' names the template {spec.packer}, which is not there")
    base = images.root_of(spec.base, session)

    def make(partial: Path) -> None:
        folder = session.scratch("packer")
        key = folder / "key"
        session.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "temporary", "-f", str(key)])
        disk = _seeded(base, key.with_suffix(".pub").read_text(encoding="ascii").strip(), folder, session)
        kernel, memory = _boot_files(base)
        given = {
            "disk": disk,
            "kernel": kernel,
            "initrd": memory,
            "user": USER,
            "key": key,
            "output": folder / "output",
            "console": partial / "console.log",
        }
        _packer(template, {name: str(value) for name, value in given.items()}, partial, folder, session)
        built = sorted((folder / "output").iterdir())
        if len(built) != 1:
            raise BackendError(f"{spec.packer} made {len(built)} files, not one disk")
        shutil.move(built[0], partial / "disk.raw")
        shutil.rmtree(folder)

    return images.kept(session, "packed", images.digest(spec, base.parent.name, session.root), make) / (
        "disk.raw"
    )


def _seeded(base: Path, key: str, folder: Path, session: Session) -> Path:
    """The disk to start from: the base, and the account of this build in an overlay over it."""
    for layer in ("upper", "work", "root"):
        (folder / layer).mkdir()
    root = folder / "root"
    mounted = session.made("mount", str(root))
    layers = f"lowerdir={base},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    session.run(["mount", "-t", "overlay", "-o", layers, "overlay", str(root)])
    images.inside(root, ["chroot", str(root), "sh", "-c", _SEED.format(user=USER, key=key)], session)
    images.write_disk(root, folder / "start.raw", session)
    session.journal.undo(mounted)
    return folder / "start.raw"


def _boot_files(base: Path) -> tuple[Path, Path]:
    kernels = sorted((base / "boot").glob("vmlinuz-*"))
    if not kernels:
        raise BackendError(f"{base} has no kernel in /boot: nothing boots it")
    version = kernels[-1].name.partition("-")[2]
    return kernels[-1], base / "boot" / f"initrd.img-{version}"


def _packer(template: Path, given: dict[str, str], partial: Path, folder: Path, session: Session) -> None:
    """Run ``packer build`` in the template's system folder, cut off from every network."""
    lonely = machines.namespace(session, "packer")
    log = partial / "packer.log"
    own = {
        "CHECKPOINT_DISABLE": "1",
        "PACKER_CACHE_DIR": str(folder / "cache"),
        "PACKER_CONFIG_DIR": str(folder),
        "TMPDIR": str(folder),
        "HOME": str(folder),
        "ANSIBLE_NOCOWS": "1",
        "LC_ALL": "C.UTF-8",
    }
    variables = [word for name, value in given.items() for word in ("-var", f"{name}={value}")]
    command = ["packer", "build", "-color=false", "-timestamp-ui", *variables, str(template)]
    script = 'cd "$1"; log=$2; shift 2; exec "$@" > "$log" 2>&1'
    where = ["sh", "-c", script, "sh", str(template.parent.parent), str(log)]
    try:
        session.run(["ip", "netns", "exec", lonely, *where, *command], timeout=_TIME_LIMIT, environment=own)
    except BackendError as error:
        said = log.read_text(encoding="utf-8", errors="replace")[-3000:].strip() if log.exists() else ""
        kept = session.cache / "packer-failed.log"
        if log.exists():
            shutil.copy(log, kept)
        raise BackendError(f"packer build failed: {said or error}", hint=f"all it said: {kept}") from error
