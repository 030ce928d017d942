"""The Lambda API: functions, versions, aliases, layers, permissions, settings."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile

import pytest
from botocore.exceptions import ClientError

from stackproof.errors import UsageError
from stackproof.fabric.functions.requirements import Requirements

OK = "def handler(event, context):\n    return context.function_version\n"


def archive(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, text in files.items():
            packed.writestr(name.replace("__", "/") + ".py", text)
    return buffer.getvalue()


def create(lab, name, code, **settings):
    return lab.aws.create_function(
        FunctionName=name, Runtime="python3.12", Handler="app.handler",
        Role="arn:aws:iam::123456789012:role/runs-functions", Code=code, **settings,
    )  # fmt: skip


def code_of(refused):
    return refused.value.response["Error"]["Code"]


def test_code_comes_from_a_zip(lab):
    create(lab, "f", {"ZipFile": archive(app=OK)})
    assert lab.invoke("f").value == "$LATEST"


def test_a_kind_of_invocation_that_there_is_not_is_refused(lab):
    create(lab, "f", {"ZipFile": archive(app=OK)})
    with pytest.raises(ClientError, match="Value 'Foo' at 'invocationType' failed to satisfy constraint"):
        lab.invoke("f", InvocationType="Foo")


def test_code_comes_from_a_bucket(lab):
    s3 = lab.backend.client("s3")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="f.zip", Body=archive(app=OK))
    create(lab, "f", {"S3Bucket": "code", "S3Key": "f.zip"})
    assert lab.invoke("f").value == "$LATEST"
    with pytest.raises(ClientError, match="S3 Error Code: NoSuchKey"):
        create(lab, "g", {"S3Bucket": "code", "S3Key": "g.zip"})


def test_a_broken_zip_is_refused(lab):
    with pytest.raises(ClientError, match="Could not unzip uploaded file"):
        create(lab, "f", {"ZipFile": b"no zip"})


def test_a_layer_is_importable_and_a_later_one_overlays(lab):
    arns = [
        lab.aws.publish_layer_version(
            LayerName=f"shared-{n}", Content={"ZipFile": archive(python__common=f"N = {n}\n")}
        )["LayerVersionArn"]
        for n in (1, 2)
    ]
    code = "import common\ndef handler(event, context):\n    return common.N\n"
    create(lab, "f", {"ZipFile": archive(app=code)}, Layers=arns)
    assert lab.invoke("f").value == 2
    lab.aws.update_function_configuration(FunctionName="f", Layers=arns[:1])
    assert lab.invoke("f").value == 1


def test_a_registered_layer_is_loaded_from_its_folder(lab, tmp_path):
    (tmp_path / "layer" / "python").mkdir(parents=True)
    (tmp_path / "layer" / "python" / "common.py").write_text("N = 3\n")
    lab.service.layers.register("shared", tmp_path / "layer")
    content = {"ZipFile": archive()}
    arn = lab.aws.publish_layer_version(LayerName="shared", Content=content)["LayerVersionArn"]
    code = "import common\ndef handler(event, context):\n    return common.N\n"
    create(lab, "f", {"ZipFile": archive(app=code)}, Layers=[arn])
    assert lab.invoke("f").value == 3


def test_requirements_that_this_python_has_are_not_installed(lab):
    files = {
        "app.py": "import requests\ndef handler(e, c):\n    return requests.__name__\n",
        "requirements.txt": "# what we need\nrequests>=2\n-r more.txt\n",
        "more.txt": "boto3\nnothing-for-this-system ; sys_platform == 'none'\n",
    }
    lab.function("f", files)
    assert lab.invoke("f").value == "requests"


def test_requirements_are_installed_once_for_each_content(lab, tmp_path):
    package = tmp_path / "tiny"
    (package / "tiny_package").mkdir(parents=True)
    (package / "tiny_package" / "__init__.py").write_text("VALUE = 'installed'\n")
    wheel = tmp_path / "tiny_package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("tiny_package/__init__.py", "VALUE = 'installed'\n")
        about = "tiny_package-1.0.dist-info"
        packed.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-package\nVersion: 1.0\n")
        packed.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        packed.writestr(f"{about}/RECORD", "")
    code = "import tiny_package\ndef handler(e, c):\n    return tiny_package.VALUE\n"
    for name in ("f", "g"):
        lab.function(name, {"app.py": code, "requirements.txt": f"--no-index\n{wheel}\n"})
        assert lab.invoke(name).value == "installed"
    assert len(list((lab.service.code.cache / "requirements").iterdir())) == 1


def test_the_error_of_an_installer_leaves_out_the_versions_that_there_are(lab, monkeypatch):
    versions = ", ".join(f"{major}.0" for major in range(200))
    told = f"ERROR: No version satisfies it==999 (from versions: {versions})\nERROR: Nothing found\nnote"
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr=told)
    monkeypatch.setattr("subprocess.run", lambda *args, **options: failed)
    with pytest.raises(UsageError) as refused:
        Requirements._install(lab.folder / "requirements.txt", None, lab.folder / "cache" / "target")
    assert "it==999 (from versions: … 198.0, 199.0) ERROR: Nothing found (" in str(refused.value)


def test_requirements_that_cannot_be_had_are_named(lab):
    from stackproof.errors import UsageError

    text = "--no-index\nthere-is-no-such-package==9\n"
    lab.function("f", {"app.py": OK, "requirements.txt": text})
    with pytest.raises(UsageError, match=r"cannot be installed.*there-is-no-such-package"):
        lab.invoke("f")


def test_a_name_is_taken_once(lab):
    lab.function("f", OK)
    with pytest.raises(ClientError, match="Function already exist: f") as refused:
        lab.function("f", OK)
    assert code_of(refused) == "ResourceConflictException"


@pytest.mark.parametrize(("settings", "code"), [
    ({"Timeout": 901}, "ValidationException"), ({"MemorySize": 10_241}, "ValidationException"),
    ({"Role": "arn:aws:iam::1:user/x"}, "ValidationException"),
    ({"variables": {"AWS_REGION": "x"}}, "InvalidParameterValueException"),
    ({"variables": {"BIG": "x" * 4097}}, "InvalidParameterValueException"),
    ({"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:none:1"]}, "InvalidParameterValueException"),
])  # fmt: skip
def test_settings_that_aws_refuses(lab, settings, code):
    with pytest.raises(ClientError) as refused:
        lab.function("f", OK, **settings)
    assert code_of(refused) == code


def test_what_is_not_there(lab):
    with pytest.raises(
        ClientError, match="Function not found: arn:aws:lambda:us-east-1:123456789012:function:f:1"
    ) as r:
        lab.aws.invoke(FunctionName="f", Qualifier="1")
    assert code_of(r) == "ResourceNotFoundException"
    assert isinstance(r.value, lab.aws.exceptions.ResourceNotFoundException)


@pytest.mark.parametrize("form", [
    "f", "f:$LATEST", "123456789012:function:f", "function:f",
    "arn:aws:lambda:us-east-1:123456789012:function:f",
    "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
])  # fmt: skip
def test_the_forms_of_a_name(lab, form):
    lab.function("f", OK)
    assert lab.invoke(form).value == "$LATEST"


def test_a_version_keeps_its_configuration(lab):
    lab.function("f", "import os\ndef handler(e, c):\n    return [c.function_version, os.environ['V']]\n",
                 variables={"V": "a"})  # fmt: skip
    assert lab.aws.publish_version(FunctionName="f")["Version"] == "1"
    assert lab.aws.publish_version(FunctionName="f")["Version"] == "1"
    lab.aws.update_function_configuration(FunctionName="f", Environment={"Variables": {"V": "b"}})
    assert lab.aws.publish_version(FunctionName="f")["Version"] == "2"
    assert lab.invoke("f", Qualifier="1").value == ["1", "a"]
    assert lab.invoke("f:2").value == ["2", "b"]
    assert lab.invoke("f").value == ["$LATEST", "b"]


def test_an_alias_leads_to_a_version(lab):
    lab.function("f", "def handler(e, c):\n    return [c.function_version, c.invoked_function_arn]\n")
    lab.aws.publish_version(FunctionName="f")
    lab.aws.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    answer = lab.invoke("f", Qualifier="live")
    assert answer.value == ["1", "arn:aws:lambda:us-east-1:123456789012:function:f:live"]
    assert answer.response["ExecutedVersion"] == "1"
    with pytest.raises(ClientError, match="Alias already exists"):
        lab.aws.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    with pytest.raises(ClientError, match="used by an alias"):
        lab.aws.delete_function(FunctionName="f", Qualifier="1")


def test_weights_of_an_alias_share_the_invocations(lab):
    lab.function("f", OK)
    lab.aws.publish_version(FunctionName="f")
    lab.aws.update_function_configuration(FunctionName="f", Description="next")
    lab.aws.publish_version(FunctionName="f")
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    lab.aws.create_alias(FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig=weights)
    assert {lab.invoke("f:live").value for _ in range(40)} == {"1", "2"}


def test_permissions_make_a_policy(lab):
    lab.function("f", OK)
    given = {
        "FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::b", "SourceAccount": "123456789012",
    }  # fmt: skip
    lab.aws.add_permission(**given)
    statement = json.loads(lab.aws.get_policy(FunctionName="f")["Policy"])["Statement"][0]
    assert statement == {
        "Sid": "s", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "Condition": {"StringEquals": {"AWS:SourceAccount": "123456789012"},
                      "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}},
    }  # fmt: skip
    with pytest.raises(ClientError, match="ResourceConflictException"):
        lab.aws.add_permission(**given)
    lab.aws.remove_permission(FunctionName="f", StatementId="s")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        lab.aws.get_policy(FunctionName="f")


def test_reserved_concurrency_leaves_a_hundred(lab):
    lab.function("f", OK)
    with pytest.raises(ClientError, match=r"below its minimum value of \[100\]"):
        lab.aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=901)
    lab.aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=900)
    assert lab.aws.get_function(FunctionName="f")["Concurrency"] == {"ReservedConcurrentExecutions": 900}
    assert lab.aws.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 100


def test_lists_are_paged(lab):
    for number in range(3):
        lab.function(f"f{number}", OK)
    pages = lab.aws.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    assert [function["FunctionName"] for page in pages for function in page["Functions"]] == [
        "f0",
        "f1",
        "f2",
    ]


def test_tags(lab):
    lab.function("f", OK, Tags={"a": "1"})
    arn = lab.aws.get_function(FunctionName="f")["Configuration"]["FunctionArn"]
    lab.aws.tag_resource(Resource=arn, Tags={"b": "2"})
    lab.aws.untag_resource(Resource=arn, TagKeys=["a"])
    assert lab.aws.list_tags(Resource=arn)["Tags"] == {"b": "2"}


def test_a_deleted_function_is_gone(lab):
    lab.function("f", OK)
    lab.invoke("f")
    lab.aws.delete_function(FunctionName="f")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        lab.invoke("f")


def test_two_accounts_do_not_meet(lab):
    lab.function("f", OK)
    other = lab.backend.client("lambda", account="210987654321")
    assert other.list_functions()["Functions"] == []


def test_functions_survive_a_snapshot_and_start_cold(lab):
    lab.function("f", "calls = []\ndef handler(e, c):\n    calls.append(1)\n    return len(calls)\n")
    taken = lab.world.snapshot()
    assert [lab.invoke("f").value for _ in range(2)] == [1, 2]
    lab.world.restore(taken)
    assert lab.invoke("f").value == 1


def test_two_qualifiers_that_differ_are_refused(lab):
    lab.function("f", OK)
    lab.aws.publish_version(FunctionName="f")
    with pytest.raises(ClientError, match="does not match the specified qualifier"):
        lab.aws.invoke(FunctionName="f:1", Qualifier="$LATEST")
