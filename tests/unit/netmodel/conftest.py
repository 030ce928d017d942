"""A network from a few lines of a template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from stackproof.config import Config
from stackproof.netmodel import Network, Part, part_of, read
from stackproof.template.discover import TemplateFile
from stackproof.template.estate import Estate

MakePart = Callable[..., Part]
MakeNetwork = Callable[..., Network]

HEAD = """
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Gateway: {Type: AWS::EC2::InternetGateway}
  Attachment:
    Type: AWS::EC2::VPCGatewayAttachment
    Properties: {VpcId: !Ref Vpc, InternetGatewayId: !Ref Gateway}
  Public:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24, MapPublicIpOnLaunch: true}
  Private: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}}
  PublicTable: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  PublicRoute:
    Type: AWS::EC2::Route
    Properties: {RouteTableId: !Ref PublicTable, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Gateway}
  PublicAssociation:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {SubnetId: !Ref Public, RouteTableId: !Ref PublicTable}
"""
"""A public subnet and a private one."""


@pytest.fixture
def part(tmp_path: Path) -> MakePart:
    """``part(resources, name="", parameters={…})``: resources as text below ``Resources:``."""

    def make(
        resources: str, name: str = "", *, top: str = "", parameters: Mapping[str, Any] | None = None
    ) -> Part:
        folder = tmp_path / (name or "only")
        (folder / "config").mkdir(parents=True, exist_ok=True)
        path = folder / "template.yaml"
        path.write_text(f"{top}Resources:{resources}", encoding="utf-8")
        if parameters:
            text = yaml.safe_dump({"Parameters": dict(parameters)})
            (folder / "config" / "test.yaml").write_text(text, encoding="utf-8")
        file = path.relative_to(tmp_path).as_posix()
        estate = Estate(tmp_path, Config(), [TemplateFile(file, path)])
        return part_of(estate.instances(file)[0], name)

    return make


@pytest.fixture
def network(part: MakePart) -> MakeNetwork:
    """``network(resources)``: the network of ``HEAD`` and these resources."""
    return lambda resources: read([part(HEAD + resources)])
