"""What an inventory says of hosts, and what a provider makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stackproof.model import Location

if TYPE_CHECKING:
    from stackproof.hosts.document import Settings

CAPABILITIES: Mapping[str, str] = {
    "image": "its file system can be read as it lies on disk",
    "runtime": "it is booted: services, sockets and processes can be asked",
    "own-kernel": "it runs a kernel of its own: sysctls, modules and interfaces are its own",
    "audit": "its kernel's audit system can be asked",
    "can": "it has a CAN interface",
    "hardware-time-stamps": "its network interface stamps packets in hardware",
    "network": "it has a network of its own to reach others by",
    "shaping": "its link can be shaped (netem)",
    "vlan": "its kernel has VLANs (8021q)",
    "privileged": "commands on it can become root",
    "transient": "it belongs to this run: faults may be injected into it",
}
"""Every capability that an inventory may state and a check may require, with what it means."""


@dataclass(frozen=True, slots=True)
class Ssh:
    """How ssh reaches a host. ``config`` is an ssh_config file; the other values override it.

    Connections are multiplexed (ControlPath) unless ``multiplex`` is False: a command on a connection that
    stands costs a tenth of one that must be made. ``persist`` is in seconds. ``proxy`` is a ProxyCommand.
    """

    user: str = ""
    port: int = 0
    identity: str = ""
    config: str = ""
    jump: str = ""
    known_hosts: str = ""
    proxy: str = ""
    multiplex: bool = True
    persist: int = 60


@dataclass(frozen=True, slots=True)
class HostEntry:
    """One host of an inventory, as written.

    ``url`` is a testinfra URL (``ssh://…``, ``local://``, ``aws-ssm://i-…``) or
    ``stack://<stack>/<logical id>``; it is empty where a provider makes the host. ``system`` is the
    operating system as ID-VERSION_ID of its os-release (``debian-12``, ``amzn-2023``).
    ``facts`` are what the checks of its suites read (for example a link's figures, with units in the
    key: ``rtt_ms``); ``settings`` are its provider's own. ``images`` are its image and what that is made
    from, one after the other.
    """

    name: str
    provider: str
    suites: tuple[str, ...]
    url: str = ""
    system: str = ""
    capabilities: frozenset[str] = frozenset()
    ssh: Ssh = Ssh()
    sudo: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    settings: Settings | None = None
    location: Location = field(default_factory=lambda: Location(""))
    images: tuple[ImageSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class Promise:
    """How many checks a complete run of a suite makes at least; fewer fail the run."""

    suite: str
    checks: int
    location: Location


@dataclass(frozen=True, slots=True)
class Connection:
    """The AWS that ``stack://`` and ``aws-ssm://`` hosts are asked of.

    ``endpoint`` is the URL of an emulator; empty is AWS itself, with ``profile`` and ``region``.
    ``output_bucket`` is where Systems Manager puts what is longer than it returns.
    """

    region: str = ""
    profile: str = ""
    endpoint: str = ""
    output_bucket: str = ""
    output_prefix: str = ""


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """An image that the providers build: either from packages of a Debian release, or from another image.

    ``playbook`` (a path below the project's root) is applied by Ansible; the playbook's whole folder belongs
    to the image's recipe, so do ``variables``. ``commands`` run inside, by a shell as root. With ``packer``
    (a template, a path as well) the image is the disk that Packer builds from the disk of ``base``, and
    ``playbook`` is what the template applies.
    """

    name: str
    base: str = ""
    release: str = ""
    packages: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    playbook: str = ""
    packer: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    location: Location = field(default_factory=lambda: Location(""))
    command_places: tuple[Location, ...] = ()
    """Where the inventory has each of the commands."""


@dataclass(frozen=True, slots=True)
class TemplateSpec:
    """A template of a network: a path below the project's root and one of its deployment configurations.

    ``name`` stands in front of the names of its nodes (``name/Logical``); "" for none.
    """

    template: str
    config: str = ""
    name: str = ""
    location: Location = field(default_factory=lambda: Location(""))


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A network that the providers build from templates: what one stores or exports, the others find.

    ``outside`` are hosts on the internet by their address; with ``resolver`` each VPC has the address of its
    DNS server (the base of its block plus two) in a namespace of its own.
    """

    name: str
    templates: tuple[TemplateSpec, ...]
    outside: Mapping[str, str] = field(default_factory=dict)
    resolver: bool = False
    location: Location = field(default_factory=lambda: Location(""))
    outside_places: Mapping[str, Location] = field(default_factory=dict)
    """Where the inventory has each of the hosts outside."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """A read inventory: hosts in the order in which they are written, images by name."""

    file: str
    hosts: tuple[HostEntry, ...]
    promises: Mapping[str, Promise]
    connection: Connection = Connection()
    images: Mapping[str, ImageSpec] = field(default_factory=dict)
    networks: Mapping[str, NetworkSpec] = field(default_factory=dict)

    def of(self, suite: str) -> tuple[HostEntry, ...]:
        """The hosts that a suite inspects."""
        return tuple(one for one in self.hosts if suite in one.suites)


@dataclass(frozen=True, slots=True)
class Need:
    """Something that the machine must have before a provider can work.

    ``found`` says whether it is there; ``add`` is the distribution's package ("" when none can help).
    """

    name: str
    found: bool
    package: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A host that can be inspected now.

    ``url`` is the testinfra URL to reach it by. ``capabilities`` are those that it really has;
    ``lacking`` tells of each stated one that it has not, why. ``paths`` are places on this machine that
    belong to it (``root``: its file system, ``log``: its console); ``address`` its IP address, if any;
    ``namespace`` the name of the network namespace that it lives in, if any. ``ssh`` overrides the entry's.
    """

    entry: HostEntry
    url: str
    capabilities: frozenset[str]
    lacking: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    namespace: str = ""
    ssh: Ssh | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The host's name in the inventory."""
        return self.entry.name

    def why_not(self, capability: str) -> str:
        """Why a check that requires the capability cannot be made here; empty when it can."""
        if capability in self.capabilities:
            return ""
        meaning = CAPABILITIES.get(capability, "")
        reason = self.lacking.get(capability) or f"the inventory does not say that {meaning}"
        return f"{self.name} lacks '{capability}': {reason}"
