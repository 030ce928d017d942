"""Reading an inventory: which hosts there are, what they can do, and how many checks a run promises.

suites:
  ami: {checks: 150}                # a complete run makes at least so many checks
connection: {region: eu-west-1}     # for stack:// and aws-ssm://
networks:                           # for provider netns: namespaces as templates say (hosts/netns)
  web: {templates: [{template: templates/two-tier-web, config: test}], outside: {office: 198.51.100.7}}
hosts:
  hardened:
    suites: [ami]
    provider: image                 # without one: existing, reached by its url
    system: debian-12
    capabilities: [image]
    settings: {…}                   # the provider's own
  web:
    suites: [stack]
    url: stack://two-tier-web/WebServerGroup
    ssh: {user: ec2-user, config: ssh_config}
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stackproof.errors import ConfigError
from stackproof.hosts.document import Settings, parse, read
from stackproof.hosts.model import (
    CAPABILITIES,
    Connection,
    HostEntry,
    ImageSpec,
    Inventory,
    NetworkSpec,
    Promise,
    Ssh,
    TemplateSpec,
)
from stackproof.hosts.providers import names, provider_of
from stackproof.hosts.stacks import FORMS, malformed
from stackproof.hosts.urls import refused

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_URL = re.compile(r"(local|ssh|paramiko|docker|podman|kubectl|chroot|aws-ssm|stack)://\S*")
_SYSTEM = re.compile(r"[a-z][a-z0-9._]*-[A-Za-z0-9.]+")


def load(path: Path, root: Path | None = None) -> Inventory:
    """The inventory of a file. Raises ``ConfigError`` with file, line and column."""
    file = path.absolute()
    name = file.relative_to(root).as_posix() if root and file.is_relative_to(root) else str(path)
    return _inventory(read(path, name))


def loads(text: str, file: str) -> Inventory:
    """The inventory of a text."""
    return _inventory(parse(text, file))


def _inventory(document: Settings) -> Inventory:
    promises = _promises(document.inside("suites"))
    connection = _connection(document.inside("connection"))
    images = _images(document.inside("images"))
    networks = _networks(document.inside("networks"))
    listed = document.inside("hosts")
    if listed is None:
        raise document.refuse("hosts", "'hosts' is missing")
    hosts = tuple(_host(name, settings) for name, settings in listed.each())
    document.done()
    if not hosts:
        raise document.refuse("hosts", "'hosts' names no host")
    inspected = {suite for one in hosts for suite in one.suites}
    for promise in promises.values():
        if promise.suite not in inspected:
            at = promise.location
            message = f"checks are promised for suite '{promise.suite}', which inspects no host"
            raise ConfigError(message, file=at.file, line=at.line, column=at.column)
    for suite in sorted(inspected - set(promises)):
        first = next(one for one in hosts if suite in one.suites)
        at = first.location
        message = f"suite '{suite}' of host '{first.name}' promises no number of checks"
        hint = f"add 'suites: {{{suite}: {{checks: N}}}}'"
        raise ConfigError(message, file=at.file, line=at.line, column=at.column, hint=hint)
    for one in hosts:
        _known(one, "image", images)
        _known(one, "network", networks)
    hosts = tuple(replace(one, images=_made_from(one, images)) for one in hosts)
    return Inventory(document.file, hosts, promises, connection, images, networks)


def _promises(settings: Settings | None) -> dict[str, Promise]:
    found = {}
    for suite, own in settings.each() if settings else ():
        found[suite] = Promise(suite, own.integer("checks", least=1), own.place("checks"))
        own.done()
    return found


def _connection(settings: Settings | None) -> Connection:
    if settings is None:
        return Connection()
    names_ = ("region", "profile", "endpoint", "output_bucket", "output_prefix")
    found = Connection(**{name: settings.text(name, "") for name in names_})
    settings.done()
    return found


def _images(settings: Settings | None) -> dict[str, ImageSpec]:
    found: dict[str, ImageSpec] = {}
    for name, own in settings.each() if settings else ():
        base = own.choice("base", tuple(settings or ()), "") if "base" in own else ""
        if bool(base) == ("release" in own):
            raise own.refuse("release", f"image '{name}' needs either 'release' or 'base'")
        variables = own.plain("variables")
        if variables is not None and not isinstance(variables, dict):
            raise own.refuse("variables", "'variables' is not a mapping")
        found[name] = ImageSpec(
            name=name,
            base=base,
            release=own.text("release", ""),
            packages=own.texts("packages"),
            commands=own.texts("commands"),
            playbook=own.text("playbook", ""),
            packer=own.text("packer", ""),
            variables=variables or {},
            location=own.location,
            command_places=own.places("commands"),
        )
        own.done()
        if found[name].packer and not (base and found[name].playbook):
            raise own.refuse("packer", f"image '{name}' by Packer needs 'base' and 'playbook'")
    for name in found:
        _acyclic(name, found, settings)
    return found


def _acyclic(name: str, images: Mapping[str, ImageSpec], settings: Settings | None) -> None:
    """An image's bases end with one that has a release."""
    chain = [name]
    while base := images[chain[-1]].base:
        chain.append(base)
        if base in chain[:-1]:
            assert settings is not None
            own = settings.inside(name)
            assert own is not None
            raise own.refuse("base", f"image '{name}' is made from itself: {' from '.join(chain)}")


def _networks(settings: Settings | None) -> dict[str, NetworkSpec]:
    found: dict[str, NetworkSpec] = {}
    for name, own in settings.each() if settings else ():
        templates = []
        for one in own.listed("templates"):
            spec = TemplateSpec(
                one.text("template"), one.text("config", ""), one.text("name", ""), one.place("template")
            )
            one.done()
            templates.append(spec)
        if not templates:
            raise own.refuse("templates", f"network '{name}' is made of no template")
        outside = own.inside("outside")
        found[name] = NetworkSpec(
            name,
            tuple(templates),
            _outside(outside) if outside else {},
            own.flag("resolver", False),
            own.location,
            {one: outside.place(one) for one in outside} if outside else {},
        )
        own.done()
    return found


def _outside(given: Settings) -> dict[str, str]:
    found = {}
    for name in given:
        address = given.text(name)
        try:
            ipaddress.IPv4Address(address)
        except ValueError:
            raise given.refuse(name, f"'{address}' is no IPv4 address") from None
        found[name] = address
    given.done()
    return found


def _known(entry: HostEntry, setting: str, among: Mapping[str, object]) -> None:
    """A provider that has a setting ``image`` or ``network`` means one of the inventory's."""
    if entry.settings is None or setting not in entry.settings:
        return
    if not among:
        value = entry.settings.text(setting)
        hint = f"describe it under '{setting}s'"
        raise entry.settings.refuse(
            setting, f"'{setting}' is '{value}', the inventory has no {setting}", hint
        )
    entry.settings.choice(setting, tuple(among))


def _made_from(entry: HostEntry, images: Mapping[str, ImageSpec]) -> tuple[ImageSpec, ...]:
    """The image of a host and, one after the other, what each is made from."""
    name = (
        entry.settings.text("image", "") if entry.settings is not None and "image" in entry.settings else ""
    )
    found: list[ImageSpec] = []
    while name in images and images[name] not in found:
        found.append(images[name])
        name = images[name].base
    return tuple(found)


def _host(name: str, settings: Settings) -> HostEntry:
    if not _NAME.fullmatch(name):
        raise settings.refuse(
            "", f"host name '{name}' has other characters than letters, digits, '.', '_', '-'"
        )
    provider = settings.choice("provider", names(), "existing")
    url = settings.text("url", "")
    if url and not _URL.fullmatch(url):
        hint = "for example ssh://web1, aws-ssm://i-0123456789abcdef0, stack://two-tier-web/WebServerGroup"
        raise settings.refuse("url", f"'{url}' is no URL of a host", hint)
    if url.startswith("stack://") and malformed(url):
        raise settings.refuse("url", f"'{url}' names no host of a stack", FORMS)
    wrong, hint = refused(url)
    if wrong:
        raise settings.refuse("url", wrong, hint)
    if (provider == "existing") != bool(url):
        what = "needs 'url'" if provider == "existing" else f"is made by '{provider}' and takes no 'url'"
        raise settings.refuse("url", f"host '{name}' {what}")
    system = settings.text("system")
    if not _SYSTEM.fullmatch(system):
        raise settings.refuse("system", f"'{system}' is not ID-VERSION_ID of an os-release", "like debian-12")
    facts: Any = settings.plain("facts")
    if facts is not None and not isinstance(facts, dict):
        raise settings.refuse("facts", "'facts' is not a mapping")
    entry = HostEntry(
        name=name,
        provider=provider,
        suites=settings.texts("suites"),
        url=url,
        system=system,
        capabilities=frozenset(settings.texts("capabilities", sorted(CAPABILITIES))),
        ssh=_ssh(settings.inside("ssh")),
        sudo=settings.flag("sudo", False),
        facts=facts or {},
        settings=settings.inside("settings"),
        location=settings.location,
    )
    settings.done()
    provider_of(entry).check(entry)
    return entry


def _ssh(settings: Settings | None) -> Ssh:
    if settings is None:
        return Ssh()
    found = Ssh(
        user=settings.text("user", ""),
        port=settings.integer("port", 0),
        identity=settings.text("identity", ""),
        config=settings.text("config", ""),
        jump=settings.text("jump", ""),
        known_hosts=settings.text("known_hosts", ""),
        proxy=settings.text("proxy", ""),
        multiplex=settings.flag("multiplex", True),
        persist=settings.integer("persist", 60, least=1),
    )
    settings.done()
    return found
