// The application that cdk.out/ beside this folder was synthesized from: one backend for two environments.
const fs = require("node:fs");
const path = require("node:path");
const cdk = require("aws-cdk-lib");
const { aws_dynamodb: dynamodb, aws_iam: iam, aws_kms: kms, aws_lambda: lambda, aws_logs: logs } = cdk;

class DataStack extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    // Written with Fn.sub, because the key policy that CDK itself would write is joined together from pieces.
    const key = new kms.CfnKey(this, "Key", {
      description: "Encrypts the visits and the logs of the counter",
      enableKeyRotation: true,
      pendingWindowInDays: 30,
      keyPolicy: {
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "AccountAdministersTheKey",
            Effect: "Allow",
            Principal: { AWS: cdk.Fn.sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root") },
            Action: "kms:*",
            Resource: "*",
          },
          {
            Sid: "LogGroupsAreEncrypted",
            Effect: "Allow",
            Principal: { Service: cdk.Fn.sub("logs.${AWS::Region}.amazonaws.com") },
            Action: ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"],
            Resource: "*",
            Condition: {
              ArnLike: {
                "kms:EncryptionContext:aws:logs:arn": cdk.Fn.sub(
                  "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/count/*",
                ),
              },
            },
          },
        ],
      },
    });
    key.applyRemovalPolicy(cdk.RemovalPolicy.RETAIN);
    this.key = kms.Key.fromCfnKey(key);
    this.table = new dynamodb.Table(this, "Visits", {
      partitionKey: { name: "page", type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      deletionProtection: true,
      encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: this.key,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    });
  }
}

class CountStack extends cdk.Stack {
  constructor(scope, id, { data, retention, ...props }) {
    super(scope, id, props);
    const logGroup = new logs.LogGroup(this, "Logs", {
      logGroupName: `/count/${cdk.Stage.of(this).stageName}`,
      encryptionKey: data.key,
      retention,
    });
    const role = new iam.Role(this, "Role", {
      assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
      description: "Counts visits; it reaches nothing but its table, its logs and its traces",
      inlinePolicies: {
        function: new iam.PolicyDocument({
          statements: [
            new iam.PolicyStatement({ actions: ["logs:CreateLogStream", "logs:PutLogEvents"], resources: [logGroup.logGroupArn] }),
            new iam.PolicyStatement({ actions: ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], resources: ["*"] }),
            new iam.PolicyStatement({ actions: ["dynamodb:UpdateItem"], resources: [data.table.tableArn] }),
            new iam.PolicyStatement({ actions: ["kms:Decrypt", "kms:GenerateDataKey"], resources: [data.key.keyArn] }),
          ],
        }),
      },
    });
    new lambda.Function(this, "Count", {
      description: "Counts the visits of a page",
      runtime: lambda.Runtime.PYTHON_3_13,
      architecture: lambda.Architecture.ARM_64,
      handler: "app.handler",
      code: lambda.Code.fromAsset(path.join(__dirname, "functions", "count")),
      memorySize: 256,
      timeout: cdk.Duration.seconds(10),
      tracing: lambda.Tracing.ACTIVE,
      reservedConcurrentExecutions: 10,
      environment: { TABLE_NAME: data.table.tableName },
      environmentEncryption: kms.Key.fromKeyArn(this, "DataKey", data.key.keyArn),
      loggingFormat: lambda.LoggingFormat.JSON,
      logGroup,
      role: iam.Role.fromRoleArn(this, "CountRole", role.roleArn, { mutable: false }),
    });
  }
}

class Environment extends cdk.Stage {
  constructor(scope, id, retention) {
    super(scope, id);
    const data = new DataStack(this, "Data", { description: "Visits of the counter" });
    new CountStack(this, "Count", { data, retention, description: "Counter of visits" });
    cdk.Tags.of(this).add("System", "cloud-assembly");
    cdk.Tags.of(this).add("Environment", id.toLowerCase());
    cdk.Tags.of(this).add("Owner", "web-team");
    cdk.Tags.of(this).add("CostCenter", "5000");
  }
}

const app = new cdk.App({ outdir: path.join(__dirname, "..", "cdk.out"), analyticsReporting: false, stackTraces: false });
new Environment(app, "Test", logs.RetentionDays.ONE_MONTH);
new Environment(app, "Prod", logs.RetentionDays.ONE_YEAR);
app.synth();

// Two things are taken out again: the report about the feature flags of CDK itself, larger than all the rest, and the
// stack traces, which name folders of the machine that synthesized. Neither is part of what is deployed.
function rewrite(file, change) {
  const document = JSON.parse(fs.readFileSync(file, "utf8"));
  change(document);
  fs.writeFileSync(file, JSON.stringify(document, undefined, 2));
}

for (const folder of ["", "assembly-Test", "assembly-Prod"].map((name) => path.join(app.outdir, name))) {
  rewrite(path.join(folder, "manifest.json"), ({ artifacts }) => {
    for (const [name, artifact] of Object.entries(artifacts)) {
      if (artifact.type === "cdk:feature-flag-report") delete artifacts[name];
    }
  });
  for (const name of fs.readdirSync(folder).filter((name) => name.endsWith(".metadata.json"))) {
    rewrite(path.join(folder, name), (entries) => {
      for (const [construct, metadata] of Object.entries(entries)) {
        entries[construct] = metadata.filter((entry) => entry.type !== "aws:cdk:creationStack");
      }
    });
  }
}
