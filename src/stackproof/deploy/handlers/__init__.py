"""The handlers, one file a service. A new type: a class, and its line in ``TYPES`` or an entry point.

Third parties register a handler class under the entry point group ``stackproof.resources``; the entry
point's name is the resource type.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from stackproof.deploy.handler import Handler

_ROOM = "stackproof.deploy.handlers"

TYPES: dict[str, str] = {
    "AWS::SQS::Queue": "sqs:Queue",
    "AWS::SQS::QueuePolicy": "sqs:QueuePolicy",
    "AWS::SQS::QueueInlinePolicy": "sqs:QueueInlinePolicy",
    "AWS::SNS::Topic": "sns:Topic",
    "AWS::SNS::TopicPolicy": "sns:TopicPolicy",
    "AWS::SNS::TopicInlinePolicy": "sns:TopicInlinePolicy",
    "AWS::SNS::Subscription": "sns:Subscription",
    "AWS::DynamoDB::Table": "dynamodb:Table",
    "AWS::DynamoDB::GlobalTable": "dynamodb:GlobalTable",
    "AWS::Kinesis::Stream": "kinesis:Stream",
    "AWS::Kinesis::StreamConsumer": "kinesis:StreamConsumer",
    "AWS::Kinesis::ResourcePolicy": "kinesis:ResourcePolicy",
    "AWS::IAM::Role": "iam:Role",
    "AWS::IAM::Policy": "iam:Policy",
    "AWS::IAM::RolePolicy": "iam:RolePolicy",
    "AWS::IAM::ManagedPolicy": "iam:ManagedPolicy",
    "AWS::IAM::InstanceProfile": "iam:InstanceProfile",
    "AWS::Lambda::Function": "function:Function",
    "AWS::Lambda::Version": "versions:Version",
    "AWS::Lambda::Alias": "versions:Alias",
    "AWS::Lambda::LayerVersion": "layers:LayerVersion",
    "AWS::Lambda::LayerVersionPermission": "layers:LayerVersionPermission",
    "AWS::Lambda::Permission": "invocation:Permission",
    "AWS::Lambda::EventSourceMapping": "invocation:EventSourceMapping",
    "AWS::Lambda::EventInvokeConfig": "invocation:EventInvokeConfig",
    "AWS::Lambda::Url": "invocation:Url",
    "AWS::S3::Bucket": "s3:Bucket",
    "AWS::S3::BucketPolicy": "s3:BucketPolicy",
    "AWS::Logs::LogGroup": "logs:LogGroup",
    "AWS::Logs::LogStream": "logs:LogStream",
    "AWS::Logs::ResourcePolicy": "logs:ResourcePolicy",
    "AWS::Logs::SubscriptionFilter": "logs:SubscriptionFilter",
    "AWS::Logs::MetricFilter": "logs:MetricFilter",
    "AWS::KinesisFirehose::DeliveryStream": "firehose:DeliveryStream",
    "AWS::Glue::Database": "glue:Database",
    "AWS::Glue::Table": "glue:Table",
    "AWS::Cognito::UserPool": "cognito:UserPool",
    "AWS::Cognito::UserPoolClient": "cognito:UserPoolClient",
    "AWS::Cognito::UserPoolDomain": "cognito:UserPoolDomain",
    "AWS::Cognito::UserPoolGroup": "cognito:UserPoolGroup",
    "AWS::Cognito::UserPoolIdentityProvider": "cognito:UserPoolIdentityProvider",
    "AWS::Cognito::UserPoolResourceServer": "cognito:UserPoolResourceServer",
    "AWS::Cognito::UserPoolUser": "cognito:UserPoolUser",
    "AWS::Cognito::UserPoolUserToGroupAttachment": "cognito:UserPoolUserToGroupAttachment",
    "AWS::SES::EmailIdentity": "ses:EmailIdentity",
    "AWS::Athena::WorkGroup": "athena:WorkGroup",
    "AWS::Athena::NamedQuery": "athena:NamedQuery",
    "AWS::SecretsManager::Secret": "secrets:Secret",
    "AWS::SecretsManager::ResourcePolicy": "secrets:ResourcePolicy",
    "AWS::SSM::Parameter": "ssm:Parameter",
    "AWS::KMS::Key": "kms:Key",
    "AWS::KMS::Alias": "kms:Alias",
    "AWS::ApplicationAutoScaling::ScalableTarget": "scaling:ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "scaling:TargetPolicy",
    "AWS::AutoScaling::AutoScalingGroup": "scaling:Group",
    "AWS::AutoScaling::LaunchConfiguration": "scaling:LaunchConfiguration",
    "AWS::AutoScaling::ScalingPolicy": "scaling:GroupPolicy",
    "AWS::EC2::LaunchTemplate": "scaling:LaunchTemplate",
    "AWS::ECS::Cluster": "containers:Cluster",
    "AWS::ECS::TaskDefinition": "containers:TaskDefinition",
    "AWS::ECS::Service": "containers:Service",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "elb:LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "elb:TargetGroup",
    "AWS::ElasticLoadBalancingV2::Listener": "elb:Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule": "elb:ListenerRule",
    "AWS::Route53::HostedZone": "route53:HostedZone",
    "AWS::Route53::RecordSet": "route53:RecordSet",
    "AWS::Route53::RecordSetGroup": "route53:RecordSetGroup",
    "AWS::EC2::DHCPOptions": "network:DhcpOptions",
    "AWS::EC2::VPCDHCPOptionsAssociation": "network:DhcpOptionsAssociation",
    "AWS::RDS::DBInstance": "rds:DBInstance",
    "AWS::RDS::DBSubnetGroup": "rds:DBSubnetGroup",
    "AWS::RDS::DBParameterGroup": "rds:DBParameterGroup",
    "AWS::ElastiCache::CacheCluster": "elasticache:CacheCluster",
    "AWS::ElastiCache::SubnetGroup": "elasticache:SubnetGroup",
    "AWS::CloudWatch::Alarm": "cloudwatch:Alarm",
    "AWS::CloudWatch::CompositeAlarm": "cloudwatch:CompositeAlarm",
    "AWS::Events::EventBus": "events:Bus",
    "AWS::Events::EventBusPolicy": "events:BusPolicy",
    "AWS::Events::Rule": "events:Rule",
    "AWS::Events::Archive": "events:Archive",
    "AWS::Events::Connection": "events:Connection",
    "AWS::Events::ApiDestination": "events:ApiDestination",
    "AWS::CodeBuild::Project": "codebuild:Project",
    "AWS::CodeCommit::Repository": "codecommit:Repository",
    "AWS::CodeConnections::Connection": "codecommit:Connection",
    "AWS::CodePipeline::Pipeline": "codepipeline:Pipeline",
    "AWS::Pipes::Pipe": "pipes:Pipe",
    "AWS::Scheduler::Schedule": "scheduler:Schedule",
    "AWS::Scheduler::ScheduleGroup": "scheduler:Group",
    "AWS::ApiGateway::RestApi": "apigateway:RestApi",
    "AWS::ApiGateway::Resource": "apigateway:Resource",
    "AWS::ApiGateway::GatewayResponse": "apigateway_responses:GatewayResponse",
    "AWS::ApiGateway::Method": "apigateway_body:Method",
    "AWS::ApiGateway::Deployment": "apigateway:Deployment",
    "AWS::ApiGateway::Stage": "apigateway:Stage",
    "AWS::ApiGateway::Account": "apigateway:Account",
    "AWS::ApiGateway::ApiKey": "apigateway_keys:ApiKey",
    "AWS::ApiGateway::UsagePlan": "apigateway_keys:UsagePlan",
    "AWS::ApiGateway::UsagePlanKey": "apigateway_keys:UsagePlanKey",
    "AWS::ApiGateway::Authorizer": "apigateway:GatewayAuthorizer",
    "AWS::ApiGateway::Model": "apigateway:Model",
    "AWS::ApiGateway::RequestValidator": "apigateway:RequestValidator",
    "AWS::ApiGatewayV2::Api": "apigatewayv2:Api",
    "AWS::ApiGatewayV2::Route": "apigatewayv2:Route",
    "AWS::ApiGatewayV2::Integration": "apigatewayv2:Integration",
    "AWS::ApiGatewayV2::Authorizer": "apigatewayv2:Authorizer",
    "AWS::ApiGatewayV2::Deployment": "apigatewayv2:Deployment",
    "AWS::ApiGatewayV2::Stage": "apigatewayv2:Stage",
    "AWS::CloudFormation::CustomResource": "custom:CustomResource",
    "AWS::CloudFormation::Stack": "cloudformation:Stack",
    "AWS::CloudFormation::WaitConditionHandle": "cloudformation:WaitConditionHandle",
    "AWS::IoT::TopicRule": "iot:TopicRule",
    "AWS::IoT::Thing": "iot:Thing",
    "AWS::IoT::Policy": "iot:Policy",
    "AWS::CDK::Metadata": "cloudformation:Metadata",
}
"""Resource type to ``module:class`` in this folder."""


@cache
def _foreign() -> dict[str, type[Handler]]:
    return {point.name: point.load() for point in entry_points(group="stackproof.resources")}


@cache
def handler(resource_type: str) -> Handler:
    """The handler of a type; one that only pretends when nobody emulates it."""
    if resource_type in _foreign():
        return _foreign()[resource_type]()
    place = TYPES.get(_known(resource_type), "stub:Stub")
    module, _, name = place.partition(":")
    found: Handler = getattr(import_module(f"{_ROOM}.{module}"), name)()
    return found


def emulated(resource_type: str) -> bool:
    """Whether there is a handler that does something."""
    return _known(resource_type) in TYPES or resource_type in _foreign()


def _known(resource_type: str) -> str:
    """The type that stands for all of its kind."""
    return "AWS::CloudFormation::CustomResource" if resource_type.startswith("Custom::") else resource_type
