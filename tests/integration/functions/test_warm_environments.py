"""What a deployed function remembers is part of a snapshot of its world."""

from __future__ import annotations

TEMPLATE = """
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
      ManagedPolicyArns: [arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole]
  Counter:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Code:
        ZipFile: |
          import functools
          seen, total = {}, 0
          @functools.cache
          def square(n):
              seen.setdefault("computed", []).append(n)
              return n * n
          def handler(event, context):
              global total
              for record in event["Records"]:
                  total += square(int(record["body"]))
              with open("/tmp/total", "a") as file:
                  file.write(f"{total};")
              print(total, seen["computed"], open("/tmp/total").read())
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: !GetAtt Queue.Arn, FunctionName: !Ref Counter, BatchSize: 1}
"""


def test_a_function_remembers_what_it_knew_when_the_snapshot_was_taken(stack, fabric, aws):
    made = stack(TEMPLATE)
    url = made.queue("Queue")

    def told(*numbers):
        for number in numbers:
            aws("sqs").send_message(QueueUrl=url, MessageBody=str(number))
            fabric.run_until_idle()
        group = f"/aws/lambda/{made['Counter'].physical_id}"
        events = aws("logs").filter_log_events(logGroupName=group)["events"]
        return [event["message"].strip() for event in events if "[" in event["message"][:8]]

    assert told(2, 3) == ["4 [2] 4;", "13 [2, 3] 4;13;"]
    here = fabric.snapshot()
    first = told(3, 4)
    assert first[2:] == ["22 [2, 3] 4;13;22;", "38 [2, 3, 4] 4;13;22;38;"]
    journal = fabric.timeline()
    for _ in range(2):
        fabric.restore(here)
        assert told(3, 4) == first
        assert fabric.timeline() == journal


def test_a_course_begins_with_the_warm_function(stack, fabric, aws):
    made = stack(TEMPLATE)
    send = aws("sqs").send_message
    send(QueueUrl=made.queue("Queue"), MessageBody="2")
    fabric.run_until_idle()
    send(QueueUrl=made.queue("Queue"), MessageBody="2")
    course = fabric.record()
    recorded = fabric.timeline()
    fabric.restore((course.start, fabric.deployer.snapshot()))
    fabric.run_until_idle()
    assert fabric.timeline() == recorded
    assert not fabric.journal.entries(verb="lambda.Cold")
