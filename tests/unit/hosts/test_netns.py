"""Networks of namespaces, the part that needs no kernel: addresses, rules, user data, what is refused."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from stackproof.errors import BackendError, ConfigError
from stackproof.hosts.inventory import loads
from stackproof.hosts.model import NetworkSpec, TemplateSpec
from stackproof.hosts.netns import Layout, lay_out
from stackproof.hosts.netns.checked import check
from stackproof.hosts.netns.rules import of_host, of_nat, of_router
from stackproof.hosts.netns.source import parts_of
from stackproof.hosts.netns.userdata import APT, user_data
from stackproof.netmodel import Part, read

TEMPLATE = """
Parameters:
  Zone: {Type: String, Default: a}
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  Small: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.9.0/28}}
  Web:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: web
      VpcId: !Ref Vpc
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: 80, ToPort: 90, CidrIp: 0.0.0.0/0}
        - {IpProtocol: udp, FromPort: 53, ToPort: 53, SourceSecurityGroupId: !Ref Fleet}
        - {IpProtocol: icmp, FromPort: 8, ToPort: -1, CidrIp: 192.0.2.0/24}
        - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIpv6: "::/0"}
        - {IpProtocol: tcp, FromPort: 23, ToPort: 23, SourceSecurityGroupId: !Ref Empty}
      SecurityGroupEgress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 10.0.0.0/8}]
  Fleet: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: fleet, VpcId: !Ref Vpc}}
  Empty: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: empty, VpcId: !Ref Vpc}}
  Host:
    Type: AWS::EC2::Instance
    Properties:
      SubnetId: !Ref Subnet
      PrivateIpAddress: 10.0.0.11
      SecurityGroupIds: [!Ref Web]
      UserData:
        Fn::Base64: !Sub |
          #!/bin/sh
          echo ${Other.PrivateIp} ${Zone} ${!HOME}
  Other:
    Type: AWS::EC2::Instance
    Properties: {SubnetId: !Ref Subnet, SecurityGroupIds: [!Ref Fleet], UserData: IyEvYmluL3NoCg==}
  Launch:
    Type: AWS::EC2::LaunchTemplate
    Properties: {LaunchTemplateData: {SecurityGroupIds: [!Ref Fleet]}}
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MinSize: '1'
      MaxSize: '9'
      DesiredCapacity: '3'
      VPCZoneIdentifier: [!Ref Subnet, !Ref Small]
      LaunchTemplate: {LaunchTemplateId: !Ref Launch, Version: '1'}
"""

Make = Callable[..., tuple[tuple[Part, ...], Layout]]


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """``made(text)``: the parts and the layout of a template."""

    def make(text: str = TEMPLATE, *, resolver: bool = False) -> tuple[tuple[Part, ...], Layout]:
        (tmp_path / "t.yaml").write_text(text, encoding="utf-8")
        (tmp_path / "stackproof.toml").write_text("", encoding="utf-8")
        parts = parts_of(NetworkSpec("n", (TemplateSpec("t.yaml"),)), tmp_path)
        return parts, lay_out(read(parts), {"stranger": "198.51.100.7"}, resolver=resolver)

    return make


def test_addresses_are_those_of_the_template_or_the_next_free_ones(made: Make) -> None:
    members = made()[1].members
    assert {name: one.address for name, one in members.items()} == {
        "Host": "10.0.0.11",
        "Other": "10.0.0.10",
        "Group-1": "10.0.0.12",
        "Group-2": "10.0.9.4",
        "Group-3": "10.0.0.13",
    }
    assert {one.public for one in members.values()} == {""}
    assert len({one.device for one in members.values()}) == len(members)


def test_the_resolver_has_the_base_plus_two(made: Make) -> None:
    _, layout = made(resolver=True)
    assert layout.resolvers == {"Vpc": "10.0.0.2"}
    assert "ip saddr { 10.0.0.2, 169.254.169.253 } accept" in of_host(layout.members["Host"], layout)


def test_rules_of_a_host(made: Make) -> None:
    _, layout = made()
    lines = [line.strip() for line in of_host(layout.members["Host"], layout).splitlines()]
    accepting = [line.rpartition(" counter")[0] for line in lines if "counter accept" in line]
    assert accepting == [
        "meta nfproto ipv4 tcp dport 80-90",
        "ip saddr { 10.0.0.10, 10.0.0.12, 10.0.0.13, 10.0.9.4 } udp dport 53",
        "ip saddr 192.0.2.0/24 icmp type 8",
        "ip daddr 10.0.0.0/8 tcp dport 443",
    ]
    assert lines.count("type filter hook input priority filter; policy drop;") == 1
    assert lines.count("type filter hook output priority filter; policy drop;") == 1
    assert 'comment "Web t.yaml:14"' in of_host(layout.members["Host"], layout)


def test_the_kernel_s_tool_understands_all_rules(made: Make) -> None:
    _, layout = made()
    member = layout.members["Host"]
    texts = [of_host(member, layout), of_router("Vpc", layout), of_nat(member, layout)]
    try:
        checked = subprocess.run(
            ["nft", "--check", "-f", "-"], input="".join(texts), text=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("nft is not on this machine (package nftables)")
    if "Operation not permitted" in checked.stderr:
        pytest.skip("nft needs root even to check")
    assert checked.stderr == ""


def test_a_subnet_that_nobody_makes_is_named(made: Make) -> None:
    text = TEMPLATE.replace("SubnetId: !Ref Subnet, SecurityGroupIds: [!Ref Fleet]", "SubnetId: subnet-1")
    with pytest.raises(BackendError, match="Other stands in subnet-1, which no template makes"):
        made(text)


def test_a_full_subnet_is_named(made: Make) -> None:
    text = TEMPLATE.replace("DesiredCapacity: '3'", "DesiredCapacity: '40'").replace(
        "MaxSize: '9'", "MaxSize: '40'"
    )
    with pytest.raises(BackendError, match=r"subnet Small \(10.0.9.0/28\) has no address left"):
        made(text)


def test_user_data_know_the_addresses_of_the_network(made: Make) -> None:
    parts, layout = made()
    assert user_data("Host", parts, layout) == "#!/bin/sh\necho 10.0.0.10 a ${HOME}\n"
    assert user_data("Other", parts, layout) == "#!/bin/sh\n"
    with pytest.raises(BackendError, match="Group has no user data"):
        user_data("Group", parts, layout)


def test_user_data_that_need_more_say_what(made: Make) -> None:
    parts, layout = made(TEMPLATE.replace("${Other.PrivateIp}", "${Other.PublicDnsName}"))
    with pytest.raises(BackendError, match=r"need \${Other.PublicDnsName}, which only a deployment knows"):
        user_data("Host", parts, layout)


@pytest.mark.parametrize(("words", "code"), [(["update"], 0), (["install", "--yes", "no-such-thing"], 100)])
def test_apt_get_of_user_data_installs_nothing(tmp_path: Path, words: list[str], code: int) -> None:
    script = tmp_path / "apt-get"
    script.write_text(APT, encoding="utf-8")
    done = subprocess.run(["sh", str(script), *words], capture_output=True, text=True)
    assert done.returncode == code
    assert ("no-such-thing is not in the image" in done.stderr) is bool(code)


INVENTORY = """
suites: {stack: {checks: 1}}
networks:
  n:
    templates: [{template: t.yaml, config: test}]
    outside: {office: 198.51.100.7}
hosts:
  web: {suites: [stack], provider: netns, system: debian-12, settings: {network: n, node: Web}}
"""


def test_an_inventory_knows_networks() -> None:
    found = loads(INVENTORY, "i.yml").networks["n"]
    assert (found.templates[0].template, found.templates[0].config) == ("t.yaml", "test")
    assert found.outside == {"office": "198.51.100.7"}
    assert not found.resolver


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("network: n,", "network: m,", "'m'"),
        ("198.51.100.7", "office.example.com", "no IPv4 address"),
        ("[{template: t.yaml, config: test}]", "[]", "made of no template"),
        ("node: Web", "node: Web, user_data: true", "user data run on a host that has an image"),
        ("settings: {network: n, node: Web}", "settings: {node: Web}", "network"),
        (
            "provider: netns, ",
            "provider: netns, capabilities: [own-kernel], ",
            "shares this machine's kernel",
        ),
    ],
)
def test_what_is_wrong_with_a_network_is_named(old: str, new: str, says: str) -> None:
    yaml.safe_load(INVENTORY.replace(old, new))
    with pytest.raises(ConfigError) as raised:
        loads(INVENTORY.replace(old, new), "i.yml")
    assert says in str(raised.value)
    assert raised.value.file == "i.yml"


def test_a_template_or_configuration_that_is_not_there_is_named(made: Make, tmp_path: Path) -> None:
    made()
    with pytest.raises(ConfigError, match=r"there is no template x\.yaml"):
        parts_of(NetworkSpec("n", (TemplateSpec("x.yaml"),)), tmp_path)
    with pytest.raises(ConfigError, match="no configuration 'prod'"):
        parts_of(NetworkSpec("n", (TemplateSpec("t.yaml", "prod"),)), tmp_path)


DESCRIBED = """suites: {s: {checks: 1}}
networks:
  n:
    templates: [{template: net.yaml}]
    outside: {office: 203.0.113.9, home: 198.51.100.7}
hosts:
  web: {suites: [s], provider: netns, system: debian-12, settings: {network: n, node: Host}}
"""


def described(folder: Path, template: str = TEMPLATE, inventory: str = DESCRIBED) -> None:
    """Check the network of an inventory as it is before it is built."""
    (folder / "stackproof.toml").write_text('templates = ["."]\n')
    (folder / "net.yaml").write_text(template)
    spec = loads(inventory, "local.yml").networks["n"]
    check(read(parts_of(spec, folder)), spec)


def test_a_network_that_can_be_built_is_not_refused(tmp_path: Path) -> None:
    described(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("10.0.0.0/24", "10.0.0.0/33", r"net\.yaml:6:\d+: subnet .*'10\.0\.0\.0/33' is no block"),
        ("10.0.0.0/16", "10.0.0/16", r"net\.yaml:5:\d+: VPC .*'10\.0\.0/16' is no block"),
        ("10.0.9.0/28", "words", r"net\.yaml:7:\d+: subnet .*'words' is no block"),
    ],
)
def test_a_block_that_is_none_is_told_with_its_line(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=message):
        described(tmp_path, TEMPLATE.replace(old, new, 1))


def test_an_address_outside_that_lies_inside_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(
        BackendError, match=r"local\.yml:5:42: 'home' is to be outside.*10\.0\.9\.4 lies in 10"
    ):
        described(tmp_path, inventory=DESCRIBED.replace("198.51.100.7", "10.0.9.4"))
