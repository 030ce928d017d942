"""What ``Ref`` and ``Fn::GetAtt`` return for common resource types, as patterns.

Source: the "Return values" section of each type's page in the CloudFormation template reference, and
the resource ARN formats of the Service Authorization Reference. ``{name}`` is the resource's name (the
``name`` property, else a generated one), ``{id}`` an id that the service chooses; ``{partition}``,
``{region}``, ``{account}`` and ``{suffix}`` are the deployment's. In ``ids`` a pattern stands for itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_HEX = "[0-9a-f]{8}(?:[0-9a-f]{9})?"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@dataclass(frozen=True, slots=True)
class Physical:
    """The shape of one type's return values.

    ``ref`` and ``attributes`` are texts with placeholders. ``name`` is the property that names the
    resource, ``id`` the pattern of ``{id}``; ``lower``: the service folds the name to lower case.
    """

    ref: str
    name: str = ""
    id: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    lower: bool = False


def _arn(service: str, rest: str, *, region: str = "{region}", account: str = "{account}") -> str:
    return f"arn:{{partition}}:{service}:{region}:{account}:{rest}"


def _named(name: str, arn: str = "", attribute: str = "Arn", *, lower: bool = False) -> Physical:
    """A type whose ``Ref`` is its name."""
    return Physical("{name}", name, attributes={attribute: arn} if arn else {}, lower=lower)


def _by_arn(name: str, arn: str, attribute: str, identifier: str = "") -> Physical:
    """A type whose ``Ref`` is its ARN."""
    return Physical(arn, name, identifier, {attribute: arn})


def _by_id(pattern: str, arn: str = "", **attributes: str) -> Physical:
    """A type whose ``Ref`` is an id that the service chooses."""
    found = dict(attributes)
    if arn:
        found["Arn"] = arn
    return Physical("{id}", "", pattern, found)


def _iam(kind: str, name: str) -> Physical:
    return _named(name, _arn("iam", f"{kind}{{path}}{{name}}", region=""))


_LAMBDA = _arn("lambda", "function:{name}")
_TOPIC = _arn("sns", "{name}")
_STATES = _arn("states", "stateMachine:{name}")
_MANAGED = _arn("iam", "policy{path}{name}", region="")
_ELB = _arn("elasticloadbalancing", "loadbalancer/{id}")
_GROUP = _arn("elasticloadbalancing", "targetgroup/{id}")
_LISTENER = _arn("elasticloadbalancing", "listener/{id}")
_TASK = _arn("ecs", "task-definition/{id}")
_SECRET = _arn("secretsmanager", "secret:{name}-{id}")
_CERTIFICATE = _arn("acm", "certificate/{id}")

PHYSICAL: dict[str, Physical] = {
    "AWS::S3::Bucket": Physical(
        "{name}",
        "BucketName",
        attributes={
            "Arn": _arn("s3", "{name}", region="", account=""),
            "DomainName": "{name}.s3.{suffix}",
            "RegionalDomainName": "{name}.s3.{region}.{suffix}",
        },
    ),
    "AWS::SQS::Queue": Physical(
        "https://sqs.{region}.{suffix}/{account}/{name}",
        "QueueName",
        attributes={
            "Arn": _arn("sqs", "{name}"),
            "QueueName": "{name}",
            "QueueUrl": "https://sqs.{region}.{suffix}/{account}/{name}",
        },
    ),
    "AWS::SNS::Topic": Physical(_TOPIC, "TopicName", attributes={"TopicArn": _TOPIC, "TopicName": "{name}"}),
    "AWS::Lambda::Function": _named("FunctionName", _LAMBDA),
    "AWS::Lambda::Version": Physical(_arn("lambda", "function:{id}"), id="[A-Za-z0-9_-]+:[0-9]+"),
    "AWS::Lambda::Alias": Physical(_arn("lambda", "function:{id}"), id="[A-Za-z0-9_-]+:[A-Za-z0-9_-]+"),
    "AWS::Lambda::LayerVersion": Physical(_arn("lambda", "layer:{id}"), id="[A-Za-z0-9_-]+:[0-9]+"),
    "AWS::Lambda::EventSourceMapping": _by_id(_UUID),
    "AWS::IAM::Role": _iam("role", "RoleName"),
    "AWS::IAM::User": _iam("user", "UserName"),
    "AWS::IAM::Group": _iam("group", "GroupName"),
    "AWS::IAM::InstanceProfile": _iam("instance-profile", "InstanceProfileName"),
    "AWS::IAM::ManagedPolicy": _by_arn("ManagedPolicyName", _MANAGED, "PolicyArn"),
    "AWS::DynamoDB::Table": Physical(
        "{name}",
        "TableName",
        attributes={
            "Arn": _arn("dynamodb", "table/{name}"),
            "StreamArn": _arn("dynamodb", "table/{name}/stream/{id}"),
        },
        id="[0-9T:.-]+",
    ),
    "AWS::KMS::Key": _by_id(f"(?:mrk-[0-9a-f]{{32}}|{_UUID})", _arn("kms", "key/{id}"), KeyId="{id}"),
    "AWS::KMS::Alias": Physical("{name}", "AliasName"),
    "AWS::Logs::LogGroup": _named("LogGroupName", _arn("logs", "log-group:{name}:*")),
    "AWS::Events::EventBus": _named("Name", _arn("events", "event-bus/{name}")),
    "AWS::Events::Rule": Physical(
        "{id}", "Name", r"(?:[.A-Za-z0-9_/-]+\|)?[.A-Za-z0-9_-]+", {"Arn": _arn("events", "rule/{id}")}
    ),
    "AWS::StepFunctions::StateMachine": Physical(
        _STATES, "StateMachineName", attributes={"Arn": _STATES, "Name": "{name}"}
    ),
    "AWS::Kinesis::Stream": _named("Name", _arn("kinesis", "stream/{name}")),
    "AWS::KinesisFirehose::DeliveryStream": _named(
        "DeliveryStreamName", _arn("firehose", "deliverystream/{name}")
    ),
    "AWS::SecretsManager::Secret": Physical(_SECRET, "Name", "[A-Za-z0-9]{6}", {"Id": _SECRET}),
    "AWS::SSM::Parameter": Physical("{name}", "Name"),
    "AWS::ECS::Cluster": _named("ClusterName", _arn("ecs", "cluster/{name}")),
    "AWS::ECS::Service": Physical(
        _arn("ecs", "service/{id}"),
        id="[A-Za-z0-9_/-]+",
        attributes={"ServiceArn": _arn("ecs", "service/{id}")},
    ),
    "AWS::ECS::TaskDefinition": _by_arn("", _TASK, "TaskDefinitionArn", "[A-Za-z0-9_-]+:[0-9]+"),
    "AWS::ECR::Repository": Physical(
        "{name}",
        "RepositoryName",
        attributes={
            "Arn": _arn("ecr", "repository/{name}"),
            "RepositoryUri": "{account}.dkr.ecr.{region}.{suffix}/{name}",
        },
    ),
    "AWS::CodeBuild::Project": _named("Name", _arn("codebuild", "project/{name}")),
    "AWS::CodePipeline::Pipeline": _named("Name"),
    "AWS::CodeCommit::Repository": Physical(
        "{id}",
        "RepositoryName",
        _UUID,
        {"Arn": _arn("codecommit", "{name}"), "Name": "{name}"},
    ),
    "AWS::CloudWatch::Alarm": _named("AlarmName", _arn("cloudwatch", "alarm:{name}")),
    "AWS::Cognito::UserPool": _by_id(
        "[a-z0-9-]+_[A-Za-z0-9]+", _arn("cognito-idp", "userpool/{id}"), UserPoolId="{id}"
    ),
    "AWS::Cognito::UserPoolClient": _by_id("[a-z0-9]+", ClientId="{id}"),
    "AWS::Cognito::IdentityPool": _by_id(f"[a-z0-9-]+:{_UUID}"),
    "AWS::ApiGateway::RestApi": _by_id("[a-z0-9]+", RestApiId="{id}"),
    "AWS::ApiGateway::Deployment": _by_id("[a-z0-9]+", DeploymentId="{id}"),
    "AWS::ApiGateway::Resource": _by_id("[a-z0-9]+", ResourceId="{id}"),
    "AWS::ApiGateway::Stage": _named("StageName"),
    "AWS::ApiGatewayV2::Api": Physical(
        "{id}",
        "",
        "[a-z0-9]+",
        {"ApiId": "{id}", "ApiEndpoint": "https://{id}.execute-api.{region}.{suffix}"},
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Physical(
        _ELB, id="(?:app|net|gwy)/[A-Za-z0-9-]+/[0-9a-f]+", attributes={"LoadBalancerArn": _ELB}
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Physical(
        _GROUP, id="[A-Za-z0-9-]+/[0-9a-f]+", attributes={"TargetGroupArn": _GROUP}
    ),
    "AWS::ElasticLoadBalancingV2::Listener": Physical(
        _LISTENER,
        id="(?:app|net|gwy)/[A-Za-z0-9-]+/[0-9a-f]+/[0-9a-f]+",
        attributes={"ListenerArn": _LISTENER},
    ),
    "AWS::ElasticLoadBalancing::LoadBalancer": _named("LoadBalancerName"),
    "AWS::RDS::DBInstance": _named(
        "DBInstanceIdentifier", _arn("rds", "db:{name}"), "DBInstanceArn", lower=True
    ),
    "AWS::RDS::DBCluster": _named(
        "DBClusterIdentifier", _arn("rds", "cluster:{name}"), "DBClusterArn", lower=True
    ),
    "AWS::RDS::DBSubnetGroup": _named("DBSubnetGroupName", lower=True),
    "AWS::ElastiCache::ReplicationGroup": _named("ReplicationGroupId", lower=True),
    "AWS::ElastiCache::CacheCluster": _named("ClusterName", lower=True),
    "AWS::ElastiCache::SubnetGroup": _named("CacheSubnetGroupName", lower=True),
    "AWS::AutoScaling::AutoScalingGroup": _named("AutoScalingGroupName"),
    "AWS::AutoScaling::LaunchConfiguration": _named("LaunchConfigurationName"),
    "AWS::CloudFront::Distribution": _by_id("E[A-Z0-9]+", "", Id="{id}", DomainName="{hash}.cloudfront.net"),
    "AWS::Route53::HostedZone": _by_id("Z[A-Z0-9]+", "", Id="{id}"),
    "AWS::Glue::Database": Physical("{id}", "", "[A-Za-z0-9_-]+"),
    "AWS::OpenSearchService::Domain": _named("DomainName", _arn("es", "domain/{name}")),
    "AWS::Elasticsearch::Domain": _named("DomainName", _arn("es", "domain/{name}")),
    "AWS::EFS::FileSystem": _by_id(f"fs-{_HEX}", _arn("elasticfilesystem", "file-system/{id}")),
    "AWS::CloudTrail::Trail": _named("TrailName", _arn("cloudtrail", "trail/{name}")),
    "AWS::Config::ConfigRule": _named("ConfigRuleName"),
    "AWS::CertificateManager::Certificate": _by_arn("", _CERTIFICATE, "Arn", _UUID),
    "AWS::EKS::Cluster": _named("Name", _arn("eks", "cluster/{name}")),
    "AWS::CodeDeploy::Application": _named("ApplicationName"),
    "AWS::IoT::TopicRule": _named("RuleName", _arn("iot", "rule/{name}")),
    "AWS::IoT::Thing": _named("ThingName", _arn("iot", "thing/{name}")),
    "AWS::Athena::WorkGroup": _named("Name"),
    "AWS::CloudFormation::Stack": Physical(
        _arn("cloudformation", "stack/{id}"), id=f"[A-Za-z][A-Za-z0-9-]*/{_UUID}"
    ),
    "AWS::CloudFormation::WaitConditionHandle": Physical("https://{id}", id=".+"),
    "AWS::EC2::VPC": _by_id(
        f"vpc-{_HEX}", "", VpcId="{id}", DefaultSecurityGroup="{sg}", DefaultNetworkAcl="{acl}"
    ),
    "AWS::EC2::Subnet": _by_id(f"subnet-{_HEX}", "", SubnetId="{id}"),
    "AWS::EC2::SecurityGroup": _by_id(f"sg-{_HEX}", "", GroupId="{id}", Id="{id}", VpcId="{vpc}"),
    "AWS::EC2::Instance": _by_id(f"i-{_HEX}", "", InstanceId="{id}", PrivateIp="{ip}", PublicIp="{ip}"),
    "AWS::EC2::InternetGateway": _by_id(f"igw-{_HEX}", "", InternetGatewayId="{id}"),
    "AWS::EC2::NatGateway": _by_id(f"nat-{_HEX}", "", NatGatewayId="{id}"),
    "AWS::EC2::RouteTable": _by_id(f"rtb-{_HEX}", "", RouteTableId="{id}"),
    "AWS::EC2::EIP": Physical(
        "{ip}", attributes={"PublicIp": "{ip}", "AllocationId": "{id}"}, id=f"eipalloc-{_HEX}"
    ),
    "AWS::EC2::Volume": _by_id(f"vol-{_HEX}", "", VolumeId="{id}"),
    "AWS::EC2::NetworkAcl": _by_id(f"acl-{_HEX}", "", Id="{id}"),
    "AWS::EC2::VPCEndpoint": _by_id(f"vpce-{_HEX}", "", Id="{id}"),
    "AWS::EC2::TransitGateway": _by_id(f"tgw-{_HEX}", "", Id="{id}"),
    "AWS::EC2::NetworkInterface": _by_id(f"eni-{_HEX}", "", Id="{id}"),
    "AWS::EC2::LaunchTemplate": _by_id(
        f"lt-{_HEX}", "", LaunchTemplateId="{id}", LatestVersionNumber="{number}"
    ),
}

SHAPES: dict[str, str] = {
    "sg": f"sg-{_HEX}",
    "acl": f"acl-{_HEX}",
    "vpc": f"vpc-{_HEX}",
    "ip": r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
    "hash": "[a-z0-9]+",
    "number": "[0-9]+",
}
"""Placeholders that stand for something else than the resource's own name or id."""
