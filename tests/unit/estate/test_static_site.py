"""static-site: nobody reads the bucket but the distribution; the development branch asks who is there."""

from __future__ import annotations

import re

import pytest

ENVIRONMENTS = ("test", "prod")


def only(system, name, environment, kind):
    (properties,) = system.resources(name, environment, kind).values()
    return properties


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_site_answers_under_its_name_over_tls_alone(system, environment):
    site = system("static-site")
    name = site.resolved("site.yaml", environment).parameters["DomainName"]
    config = only(site, "site.yaml", environment, "AWS::CloudFront::Distribution")["DistributionConfig"]
    assert config["Aliases"] == [name]
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert only(site, "site.yaml", environment, "AWS::CertificateManager::Certificate")["DomainName"] == name
    (records,) = site.resources("site.yaml", environment, "AWS::Route53::RecordSetGroup").values()
    assert {(record["Name"], record["Type"]) for record in records["RecordSets"]} == {
        (name, "A"),
        (name, "AAAA"),
    }


def test_the_content_is_read_through_this_distribution_alone(system):
    written = system("static-site").resolved("site.yaml", "prod").expanded.tree["Resources"]
    allowed = [
        one
        for one in written["SiteBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        if one["Effect"] == "Allow"
    ]
    (reader,) = allowed
    assert reader["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert reader["Action"] == "s3:GetObject"
    assert reader["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"].endswith(
        ":distribution/${Distribution}"
    )
    (origin,) = written["Distribution"]["Properties"]["DistributionConfig"]["Origins"]
    assert origin["OriginAccessControlId"] == {"Fn::GetAtt": ["OriginAccess", "Id"]}


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("redirect-to-https", "allow-all", "CLOUDFRONT_HTTPS_ONLY"),
        ("TLSv1.2_2021", "TLSv1_2016", "CLOUDFRONT_TLS"),
        ("RestrictPublicBuckets: true", "RestrictPublicBuckets: false", "S3_BUCKET_PUBLIC_ACCESS_BLOCKED"),
    ],
)
def test_a_site_that_opens_more_than_it_must_is_refused(system, old, new, rule):
    assert rule in system("static-site", ("site.yaml", old, new)).refused("site.yaml", "security")


def test_the_pipeline_publishes_to_what_the_site_exports(system):
    site = system("static-site")
    for environment in ENVIRONMENTS:
        exports = set(site.resolved("site.yaml", environment).exports)
        written = site.resolved("pipeline.yaml", environment).expanded.tree["Resources"]
        imports = set(re.findall(r"\$\{Environment\}-static-site-[a-z-]+", str(written)))
        assert {name.replace("${Environment}", environment) for name in imports} == exports
    assert site.rules() == set()


def test_the_version_is_approved_before_it_is_published(system, pipeline):
    read = pipeline(system("static-site"), "pipeline.yaml", "prod")
    (asked,) = read.approvals()
    assert asked < read.when("Publish", "Publish")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_two_branches_have_a_subdomain_each(system, environment):
    written = system("static-site").resolved("amplify.yaml", environment).expanded.tree["Resources"]
    settings = written["Domain"]["Properties"]["SubDomainSettings"]
    branches = system("static-site").resources("amplify.yaml", environment, "AWS::Amplify::Branch")
    assert {branch["BranchName"] for branch in branches.values()} == {"main", "development"}
    assert len({one["Prefix"] for one in settings}) == 2
    assert {one["BranchName"]["Fn::GetAtt"][0] for one in settings} == set(branches)


def test_the_development_branch_asks_for_a_password_and_the_main_branch_does_not(system):
    branches = {
        branch["BranchName"]: branch.get("BasicAuthConfig")
        for branch in system("static-site").resources("amplify.yaml", "prod", "AWS::Amplify::Branch").values()
    }
    assert branches["main"] is None
    assert branches["development"]["EnableBasicAuth"] is True
    assert branches["development"]["Username"] == "developer"


def test_the_password_is_read_from_a_secret_that_is_generated(system):
    written = system("static-site").resolved("amplify.yaml", "prod").expanded.tree["Resources"]
    password = written["DevelopmentBranch"]["Properties"]["BasicAuthConfig"]["Password"]["Fn::Sub"]
    assert password == "{{resolve:secretsmanager:${DeveloperPassword}:SecretString:password}}"
    generated = written["DeveloperPassword"]["Properties"]["GenerateSecretString"]
    assert generated["GenerateStringKey"] == "password"


def test_a_password_in_plain_text_is_refused(system):
    reference = '!Sub "{{resolve:secretsmanager:${DeveloperPassword}:SecretString:password}}"'
    careless = system("static-site", ("amplify.yaml", reference, "Correct-Horse-1"))
    assert "W2501" in careless.refused("amplify.yaml", "security")
