"""Functions with all that hangs on them, and IAM: deployed, described, changed, deleted."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from stackproof.errors import DeploymentFailed

INLINE = "def handler(event, context):\n    return {'saw': event}\n"


def invoke(aws, name, event=None):
    answer = aws("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}))
    return json.loads(answer["Payload"].read())


def ref(name, attribute="Arn"):
    return {"Fn::GetAtt": [name, attribute]}


def a_function(**more):
    return {
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": ref("Role"),
        "Code": {"ZipFile": INLINE},
        **more,
    }


def test_an_inline_function_runs_and_its_code_is_changed_in_place(one, changed, aws, role, refused):
    made = one("AWS::Lambda::Function", role, **a_function(Environment={"Variables": {"LIMIT": 5}}))
    name = made.function("It")
    assert invoke(aws, name, {"a": 1}) == {"saw": {"a": 1}}
    code = "import os\ndef handler(event, context):\n    return os.environ['LIMIT']\n"
    changed(made, Code={"ZipFile": code}, Timeout="9", Environment={"Variables": {"LIMIT": "6"}})
    assert made.function("It") == name
    assert invoke(aws, name) == "6"
    assert aws("lambda").get_function_configuration(FunctionName=name)["Timeout"] == 9
    changed(made, Timeout=None)
    assert aws("lambda").get_function_configuration(FunctionName=name)["Timeout"] == 3
    made.delete()
    assert refused(aws("lambda").get_function, FunctionName=name) == "ResourceNotFoundException"


def test_a_local_folder_is_loaded_where_it_lies(stack, aws, tmp_path, role):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("def handler(event, context):\n    return __file__\n")
    properties = a_function(Handler="app.handler", Code="code/")
    resources = {**role, "It": {"Type": "AWS::Lambda::Function", "Properties": properties}}
    (tmp_path / "template.json").write_text(json.dumps({"Resources": resources}))
    made = stack(tmp_path)
    assert invoke(aws, made.function("It")) == str(tmp_path / "code" / "app.py")


def test_a_sam_function_gets_role_mapping_and_folder(stack, aws, fabric, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text(
        "import os, boto3\n"
        "table = boto3.resource('dynamodb').Table(os.environ['TABLE'])\n"
        "def handler(event, context):\n"
        "    for record in event['Records']:\n"
        "        table.put_item(Item={'id': record['body']})\n"
    )
    (tmp_path / "template.yaml").write_text(
        "Transform: AWS::Serverless-2016-10-31\n"
        "Resources:\n"
        "  Queue: {Type: AWS::SQS::Queue}\n"
        "  Table: {Type: AWS::Serverless::SimpleTable}\n"
        "  Worker:\n"
        "    Type: AWS::Serverless::Function\n"
        "    Properties:\n"
        "      Runtime: python3.12\n"
        "      Handler: app.handler\n"
        "      CodeUri: src/\n"
        "      Environment: {Variables: {TABLE: !Ref Table}}\n"
        "      Policies: [{DynamoDBCrudPolicy: {TableName: !Ref Table}}]\n"
        "      Events: {Message: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}}\n"
    )
    made = stack(tmp_path, require="emulated")
    aws.sqs.send_message(QueueUrl=made.queue("Queue"), MessageBody="one")
    fabric.run_until_idle()
    items = aws.dynamodb.scan(TableName=made.table("Table"))["Items"]
    assert items == [{"id": {"S": "one"}}]


def test_code_from_s3_and_from_a_zip_beside_the_template(stack, aws, tmp_path, role):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", INLINE)
    (tmp_path / "code.zip").write_bytes(buffer.getvalue())
    aws.s3.create_bucket(Bucket="artifacts")
    aws.s3.put_object(Bucket="artifacts", Key="code.zip", Body=buffer.getvalue())
    stored = a_function(Code={"S3Bucket": "artifacts", "S3Key": "code.zip"})
    resources = {
        **role,
        "Stored": {"Type": "AWS::Lambda::Function", "Properties": stored},
        "Local": {"Type": "AWS::Lambda::Function", "Properties": a_function(Code="code.zip")},
    }
    (tmp_path / "template.json").write_text(json.dumps({"Resources": resources}))
    made = stack(tmp_path)
    assert invoke(aws, made.function("Stored"), 1) == invoke(aws, made.function("Local"), 1) == {"saw": 1}


def test_an_asset_of_a_cloud_assembly(stack, aws, tmp_path, role):
    (tmp_path / "asset.0123").mkdir()
    (tmp_path / "asset.0123" / "index.py").write_text(INLINE)
    asset = {
        "source": {"path": "asset.0123", "packaging": "zip"},
        "destinations": {"current": {"bucketName": "cdk-assets", "objectKey": "0123.zip"}},
    }
    (tmp_path / "App.assets.json").write_text(json.dumps({"version": "36.0.0", "files": {"0123": asset}}))
    code = {"S3Bucket": {"Fn::Sub": "cdk-assets-${AWS::AccountId}"}, "S3Key": "0123.zip"}
    resources = {**role, "It": {"Type": "AWS::Lambda::Function", "Properties": a_function(Code=code)}}
    (tmp_path / "App.template.json").write_text(json.dumps({"Resources": resources}))
    made = stack(tmp_path / "App.template.json")
    assert invoke(aws, made.function("It"), 2) == {"saw": 2}


def test_a_folder_that_is_not_there_is_told_with_the_line(stack, role):
    resources = {**role, "It": {"Type": "AWS::Lambda::Function", "Properties": a_function(Code="nowhere/")}}
    with pytest.raises(DeploymentFailed, match="It: there is no code at 'nowhere/'") as caught:
        stack({"Resources": resources})
    assert caught.value.line > 1


def test_version_alias_and_invoke_config(one, changed, aws, function):
    others = {
        **function,
        "Version": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}},
        "Config": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": "1",
            },
        },
    }
    made = one(
        "AWS::Lambda::Alias",
        others,
        FunctionName={"Ref": "Function"},
        FunctionVersion=ref("Version", "Version"),
        Name="live",
    )
    name = made.function("Function")
    assert made["Version"].attributes["Version"] == "1"
    assert made["It"].physical_id.endswith(f"{name}:live")
    assert invoke(aws, made["It"].physical_id, 3) == 3
    config = aws("lambda").get_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST")
    assert config["MaximumRetryAttempts"] == 1
    changed(made, Description="stable")
    assert aws("lambda").get_alias(FunctionName=name, Name="live")["Description"] == "stable"
    made.delete()
    assert aws("lambda").list_functions()["Functions"] == []


def test_a_permission_stands_in_the_functions_policy(one, aws, function):
    made = one(
        "AWS::Lambda::Permission",
        function,
        FunctionName={"Ref": "Function"},
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
    )
    name = made.function("Function")
    policy = json.loads(aws("lambda").get_policy(FunctionName=name)["Policy"])
    assert policy["Statement"][0]["Principal"] == {"Service": "sns.amazonaws.com"}


WHEEL = """import zipfile


def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "extra-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.write("extra.py")
        wheel.writestr("extra-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: extra\\nVersion: 1\\n")
        tag = "Wheel-Version: 1.0\\nGenerator: it\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr("extra-1.dist-info/WHEEL", tag)
        wheel.writestr("extra-1.dist-info/RECORD", "")
    return name
"""


def test_a_layer_is_imported_from(stack, aws, tmp_path, role):
    (tmp_path / "layer" / "python").mkdir(parents=True)
    (tmp_path / "layer" / "python" / "shared.py").write_text("NAME = 'shared'\n")
    code = "import shared\ndef handler(event, context):\n    return shared.NAME\n"
    resources = {
        **role,
        "Layer": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": "layer/"}},
        "It": {
            "Type": "AWS::Lambda::Function",
            "Properties": a_function(Code={"ZipFile": code}, Layers=[{"Ref": "Layer"}]),
        },
    }
    (tmp_path / "template.json").write_text(json.dumps({"Resources": resources}))
    made = stack(tmp_path)
    assert invoke(aws, made.function("It")) == "shared"


@pytest.mark.parametrize("built", [True, False])
def test_a_layer_that_sam_builds_lies_in_python_with_its_requirements(built, stack, aws, tmp_path):
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "shared.py").write_text("import extra\nNAME = extra.NAME\n")
    (layer / "requirements.txt").write_text(f"extra @ file://{tmp_path / 'extra'}\n")
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "extra.py").write_text("NAME = 'required'\n")
    (tmp_path / "extra" / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "extra"\nversion = "1"\n'
    )
    (tmp_path / "extra" / "backend.py").write_text(WHEEL)
    layered = {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "layer/"}}
    code = "import shared\ndef handler(event, context):\n    return shared.NAME\n"
    function = {"InlineCode": code, "Handler": "index.handler", "Runtime": "python3.12"}
    resources = {
        "Layer": {**layered, "Metadata": {"BuildMethod": "python3.12"}} if built else layered,
        "It": {
            "Type": "AWS::Serverless::Function",
            "Properties": {**function, "Layers": [{"Ref": "Layer"}]},
        },
    }
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}
    (tmp_path / "template.json").write_text(json.dumps(template))
    answer = invoke(aws, stack(tmp_path).function("It"))
    if built:
        assert answer == "required"
    else:  # what nobody built is where it lies: not in python/
        assert answer["errorType"] == "Runtime.ImportModuleError"


@pytest.mark.parametrize(
    ("kind", "folder"), [("LayerVersion", "ContentUri"), ("Function", "CodeUri")], ids=["layer", "function"]
)
def test_a_build_that_is_not_run_is_told(kind, folder, stack, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("def handler(event, context): ...\n")
    more = {"Handler": "app.handler", "Runtime": "python3.12"} if kind == "Function" else {}
    body = {"Type": f"AWS::Serverless::{kind}", "Properties": {folder: "code/", **more}}
    resources = {
        "Made": {**body, "Metadata": {"BuildMethod": "makefile"}},
        "Plain": {**body, "Metadata": {"BuildMethod": "python3.12"}},
    }
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}
    (tmp_path / "template.json").write_text(json.dumps(template))
    told = {one.logical_id: str(one.verdict) for one in stack(tmp_path).resources.values()}
    assert [name for name, verdict in told.items() if "BuildMethod" in verdict] == [
        name for name in told if name.startswith("Made") and "Role" not in name
    ]
    assert any("'makefile' is not run, the folder is taken as it lies" in one for one in told.values())


def test_an_event_source_mapping_is_changed_in_place(one, changed, aws, function):
    queue = {"Queue": {"Type": "AWS::SQS::Queue"}}
    made = one(
        "AWS::Lambda::EventSourceMapping",
        {**function, **queue},
        FunctionName={"Ref": "Function"},
        EventSourceArn=ref("Queue"),
        BatchSize="7",
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria={"Filters": [{"Pattern": {"body": {"a": [1]}}}]},
    )
    mapping = made["It"].physical_id
    found = aws("lambda").get_event_source_mapping(UUID=mapping)
    assert found["BatchSize"] == 7
    assert json.loads(found["FilterCriteria"]["Filters"][0]["Pattern"]) == {"body": {"a": [1]}}
    changed(made, BatchSize=3)
    assert aws("lambda").get_event_source_mapping(UUID=mapping)["BatchSize"] == 3
    assert made["It"].physical_id == mapping


def test_reserved_concurrency_comes_and_goes(one, changed, aws, role):
    made = one("AWS::Lambda::Function", role, **a_function(ReservedConcurrentExecutions=2))
    name = made.function("It")
    assert aws("lambda").get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 2
    changed(made, ReservedConcurrentExecutions=None)
    assert "ReservedConcurrentExecutions" not in aws("lambda").get_function_concurrency(FunctionName=name)


def statement(action):
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def test_a_role_has_its_policies_and_loses_removed_ones(one, changed, aws, refused):
    made = one(
        "AWS::IAM::Role",
        AssumeRolePolicyDocument=TRUST,
        Policies=[{"PolicyName": "a", "PolicyDocument": statement("s3:GetObject")}],
        ManagedPolicyArns=[READ_ONLY],
        MaxSessionDuration="7200",
    )
    name = made["It"].physical_id
    assert aws.iam.get_role(RoleName=name)["Role"]["MaxSessionDuration"] == 7200
    attached = aws.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [item["PolicyArn"] for item in attached] == [READ_ONLY]
    policies = [{"PolicyName": "b", "PolicyDocument": statement("s3:PutObject")}]
    changed(made, Policies=policies, ManagedPolicyArns=[BASIC])
    assert aws.iam.list_role_policies(RoleName=name)["PolicyNames"] == ["b"]
    attached = aws.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [item["PolicyArn"] for item in attached] == [BASIC]
    made.delete()
    assert refused(aws.iam.get_role, RoleName=name) == "NoSuchEntity"


def test_an_inline_policy_of_two_roles(one, changed, aws):
    roles = {
        name: {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
        for name in ("A", "B")
    }
    made = one(
        "AWS::IAM::Policy",
        roles,
        PolicyName="shared",
        PolicyDocument=statement("s3:GetObject"),
        Roles=[{"Ref": "A"}, {"Ref": "B"}],
    )

    def held(name):
        return aws.iam.list_role_policies(RoleName=made[name].physical_id)["PolicyNames"]

    assert (held("A"), held("B")) == (["shared"], ["shared"])
    changed(made, Roles=[{"Ref": "B"}])
    assert (held("A"), held("B")) == ([], ["shared"])


def test_a_managed_policy_gets_a_new_version(one, changed, aws, role):
    made = one(
        "AWS::IAM::ManagedPolicy", role, PolicyDocument=statement("s3:GetObject"), Roles=[{"Ref": "Role"}]
    )
    arn = made["It"].physical_id

    def document():
        version = aws.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        return aws.iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]

    assert document() == statement("s3:GetObject")
    for action in ("s3:PutObject", "s3:DeleteObject"):
        changed(made, PolicyDocument=statement(action))
        assert document() == statement(action)
    assert len(aws.iam.list_policy_versions(PolicyArn=arn)["Versions"]) == 1
    made.delete()
    assert aws.iam.list_policies(Scope="Local")["Policies"] == []


def test_an_instance_profile_with_its_role(one, aws, role):
    made = one("AWS::IAM::InstanceProfile", role, Roles=[{"Ref": "Role"}])
    profile = aws.iam.get_instance_profile(InstanceProfileName=made["It"].physical_id)["InstanceProfile"]
    assert [item["RoleName"] for item in profile["Roles"]] == [made["Role"].physical_id]
    made.delete()
    assert aws.iam.list_instance_profiles()["InstanceProfiles"] == []


def test_a_function_that_nothing_here_runs_is_not_emulated_and_says_why(one, aws, role):
    aws.s3.create_bucket(Bucket="code")
    aws.s3.put_object(Bucket="code", Key="app.zip", Body=b"PK\x05\x06" + bytes(18))
    code = {"S3Bucket": "code", "S3Key": "app.zip"}
    made = one("AWS::Lambda::Function", role, **a_function(Runtime="java21", Code=code))
    assert str(made["It"].verdict) == "not emulated (without Runtime (nothing here runs java21))"
