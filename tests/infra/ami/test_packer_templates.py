"""Packer's own word on the templates of ami-builder, offline; 'tox -e packer' builds with one of them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

SYSTEM = Path(__file__).resolve().parents[3] / "templates" / "ami-builder"
pytestmark = pytest.mark.needs("hosts")


def packer(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run it in the system's folder; nothing is written elsewhere than below ``home``."""
    own = {"CHECKPOINT_DISABLE": "1", "HOME": str(home), "TMPDIR": str(home), "PACKER_CONFIG_DIR": str(home)}
    command = ["packer", *words]
    return subprocess.run(
        command, cwd=SYSTEM, env={**os.environ, **own}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("template", ["packer/local.pkr.hcl", "packer/aws/image.pkr.hcl"])
def test_the_syntax_is_packer_s(template: str, tmp_path: Path) -> None:
    done = packer("validate", "-syntax-only", template, home=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "Syntax-only check passed. Everything looks okay.")


def test_a_broken_template_is_refused(tmp_path: Path) -> None:
    """The check above can fail."""
    broken = tmp_path / "broken.pkr.hcl"
    broken.write_text((SYSTEM / "packer/aws/image.pkr.hcl").read_text(encoding="utf-8") + "\nbuild {\n")
    assert packer("validate", "-syntax-only", str(broken), home=tmp_path).returncode == 1


def test_all_settings_for_ec2_but_two_that_are_newer_are_known(tmp_path: Path) -> None:
    """Debian's Packer is 1.6.6: its amazon-ebs knows neither ``imds_support`` nor ``metadata_options``."""
    given = ("-var", "vpc_id=vpc-0123456789abcdef0", "-var", "subnet_id=subnet-0123456789abcdef0")
    text = (SYSTEM / "packer/aws/image.pkr.hcl").read_text(encoding="utf-8")
    older, newer = re.subn(r"(?ms)^  imds_support .*?\n|^  metadata_options \{.*?^  \}\n", "", text)
    assert newer == 2
    file = tmp_path / "image.pkr.hcl"
    file.write_text(older, encoding="utf-8")
    done = packer("validate", *given, str(file), home=tmp_path)
    assert done.returncode == 0, done.stdout
    file.write_text(older.replace("encrypt_boot", "encrypt_boots"), encoding="utf-8")
    assert '"encrypt_boots" is not expected' in packer("validate", *given, str(file), home=tmp_path).stdout


def test_the_plugins_are_named_with_versions() -> None:
    text = (SYSTEM / "packer/aws/plugins.pkr.hcl").read_text(encoding="utf-8")
    assert re.findall(r'source  = "github.com/hashicorp/(\w+)"\n\s+version = ">= ([\d.]+)"', text) == [
        ("amazon", "1.3"),
        ("ansible", "1.1"),
    ]
