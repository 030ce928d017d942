"""tenant-pipeline: one version for every tenant at once, and nothing of one tenant for another."""

from __future__ import annotations

import pytest

TENANTS = {"DeployUnicorn": "222233334444", "DeployGnome": "333344445555"}


@pytest.fixture
def read(system, pipeline):
    return pipeline(system("tenant-pipeline"), "tooling.yaml", "tooling")


def test_the_tenants_are_deployed_side_by_side(read):
    actions = read.stage("Deploy_Prod")["Actions"]
    assert {action["Name"] for action in actions} == set(TENANTS)
    assert len({action["RunOrder"] for action in actions}) == 1


def test_every_tenant_gets_the_same_version(read):
    actions = [*read.stage("Deploy_Dev")["Actions"], *read.stage("Deploy_Prod")["Actions"]]
    packages = {
        (action["InputArtifacts"][0]["Name"], action["Configuration"]["TemplatePath"]) for action in actions
    }
    assert packages == {("BuildOutput", "BuildOutput::packaged.yaml")}


@pytest.mark.parametrize(("name", "account"), TENANTS.items())
def test_a_tenant_is_deployed_with_the_roles_of_its_own_account(system, read, name, account):
    action = read.action("Deploy_Prod", name)
    system = system("tenant-pipeline")
    written = system.resolved("tooling.yaml", "tooling").expanded.tree["Resources"]["Pipeline"]["Properties"]
    (raw,) = [action for stage in written["Stages"] for action in stage["Actions"] if action["Name"] == name]
    parameter = name.removeprefix("Deploy") + "AccountId"
    assert system.resolved("tooling.yaml", "tooling").parameters[parameter] == account
    assert f"${{{parameter}}}:role/CodePipelineCrossAccountRole" in raw["RoleArn"]["Fn::Sub"]
    assert f"${{{parameter}}}:role/CloudFormationDeploymentRole" in raw["Configuration"]["RoleArn"]["Fn::Sub"]
    assert name.removeprefix("Deploy").lower() in action["Configuration"]["TemplateConfiguration"]


def test_the_pipeline_has_the_stages_of_the_post_and_an_approval_before_the_tenants(read):
    assert [name for name in read.names if name != "Approve_Prod"] == [
        "Source", "Build", "Deploy_Dev", "Deploy_Prod",
    ]  # fmt: skip
    (asked,) = read.approvals()
    assert read.when("Deploy_Dev", "DeployDev") < asked < read.when("Deploy_Prod", "DeployGnome")


def statements(system, file, logical_id, section):
    written = system("tenant-pipeline").resolved(file, "tooling").expanded.tree["Resources"][logical_id]
    return [
        one for one in written["Properties"][section]["Statement"] if one.get("Sid") == "TenantsReadArtifacts"
    ]


@pytest.mark.parametrize(
    ("logical_id", "section", "allowed"),
    [
        ("ArtifactBucketPolicy", "PolicyDocument", {"s3:GetObject", "s3:GetObjectVersion"}),
        ("ArtifactKey", "KeyPolicy", {"kms:Decrypt", "kms:DescribeKey"}),
    ],
)
def test_the_role_pair_of_each_tenant_may_read_artifacts_and_no_more(system, logical_id, section, allowed):
    (statement,) = statements(system, "tooling.yaml", logical_id, section)
    assert set(statement["Action"]) == allowed
    roles = {
        item["Fn::Sub"].split("iam::")[1] for item in statement["Condition"]["ArnEquals"]["aws:PrincipalArn"]
    }
    assert roles == {
        f"${{{tenant}AccountId}}:role/{role}"
        for tenant in ("Unicorn", "Gnome")
        for role in ("CodePipelineCrossAccountRole", "CloudFormationDeploymentRole")
    }


@pytest.mark.parametrize("environment", ["dev", "unicorn", "gnome"])
def test_each_account_has_the_role_pair(system, environment):
    roles = system("tenant-pipeline").resources("tenant.yaml", environment, "AWS::IAM::Role")
    assert {role["RoleName"] for role in roles.values()} == {
        "CodePipelineCrossAccountRole", "CloudFormationDeploymentRole",
    }  # fmt: skip


def test_a_role_of_a_tenant_trusts_the_pipeline_and_cloudformation_alone(system):
    written = system("tenant-pipeline").resolved("tenant.yaml", "gnome").expanded.tree["Resources"]
    (pipeline,) = written["PipelineActionRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    trusted = pipeline["Condition"]["ArnEquals"]["aws:PrincipalArn"]["Fn::Sub"]
    assert trusted.endswith("::${ToolingAccountId}:role/CrossAccountPipelineRole")
    (deployment,) = written["DeploymentRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert deployment["Principal"] == {"Service": "cloudformation.amazonaws.com"}
    tooling = system("tenant-pipeline").resources("tooling.yaml", "tooling", "AWS::IAM::Role")
    assert "CrossAccountPipelineRole" in {role.get("RoleName") for role in tooling.values()}


def test_two_tenants_in_one_account_are_refused(system):
    together = system("tenant-pipeline", ("config/tooling.tooling.json", "333344445555", "222233334444"))
    assert "SP-RULES-ASSERTION" in together.rules()


def test_the_application_is_encrypted_with_the_key_of_its_own_tenant(system):
    tenants = system("tenant-pipeline")
    for environment in ("dev", "unicorn", "gnome"):
        assert set(tenants.resolved("tenant.yaml", environment).exports) == {f"{environment}-tenant-key-arn"}
    assert tenants.rules() == set()
    lost = system("tenant-pipeline", ("tenant.yaml", "!Sub ${Environment}-tenant-key-arn", "tenant-key-arn"))
    assert "SP-RESOLVE-IMPORT" in lost.rules()


def test_an_action_that_passes_any_role_is_refused(system):
    narrow = "                Action: iam:PassRole\n                Resource: !GetAtt DeploymentRole.Arn\n"
    wide = '                Action: iam:PassRole\n                Resource: "*"\n'
    loose = system("tenant-pipeline", ("tenant.yaml", narrow, wide))
    assert "IAM_POLICY_PASS_ROLE_SCOPED" in loose.refused("tenant.yaml", "security")
