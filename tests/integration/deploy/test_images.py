"""Functions in container images: AWS's base image for Python runs from what the Dockerfile copies."""

from __future__ import annotations

import json

import pytest

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Timeout: 10}}
Resources:
  It:
    Type: AWS::Serverless::Function
    Properties:
      PackageType: Image
      Architectures: [x86_64]
      Environment: {Variables: {STAGE: template}}
    Metadata: {DockerTag: v1, DockerContext: ./hello, Dockerfile: Dockerfile}
"""
APP = """
import os

def lambda_handler(event, context):
    return {"event": event, "stage": os.environ.get("STAGE"), "level": os.environ.get("LEVEL")}

def other(event, context):
    return "other"
"""
DOCKERFILE = """
# What sam init writes.
ARG VERSION=3.12
FROM public.ecr.aws/lambda/python:3.12

ENV STAGE=image LEVEL="1"
COPY app.py requirements.txt ./

RUN python3.12 -m pip install -r requirements.txt -t .

# Command can be overwritten.
CMD ["app.lambda_handler"]
"""


@pytest.fixture
def app(stack, tmp_path):
    """``app(dockerfile, files)``: the function deployed from a context with these files."""

    def deploy(dockerfile=DOCKERFILE, files=None, template=TEMPLATE):
        context = tmp_path / "hello"
        found = {"app.py": APP, "requirements.txt": "boto3\n", "__init__.py": "", **(files or {})}
        for name, text in {**found, "Dockerfile": dockerfile}.items():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            (context / name).write_text(text)
        (tmp_path / "template.yaml").write_text(template)
        return stack(tmp_path)

    return deploy


@pytest.fixture
def call(aws):
    """``call(made, event)``: what the function answers."""

    def invoke(made, event=None):
        answer = aws("lambda").invoke(FunctionName=made["It"].physical_id, Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read())

    return invoke


def test_an_image_runs_from_what_its_dockerfile_copies(app, call):
    made = app()
    assert call(made, [1]) == {"event": [1], "stage": "template", "level": "1"}
    verdict = made["It"].verdict
    assert (str(verdict.level), verdict.left_out) == ("partial", ("PackageType",))
    assert "runs as python3.12" in str(verdict)


def test_the_template_may_name_another_handler(app, call):
    command = "      ImageConfig: {Command: [app.other]}\n    Metadata"
    made = app(template=TEMPLATE.replace("    Metadata", command))
    assert call(made) == "other"


def test_what_is_not_copied_is_not_there(app, call):
    files = {"app.py": "import helper\ndef lambda_handler(e, c): return helper.X\n", "helper.py": "X = 5\n"}
    assert call(app(files=files))["errorType"] == "Runtime.ImportModuleError"


def test_folders_names_and_places(app, call):
    dockerfile = """
ARG WHERE=src
FROM public.ecr.aws/lambda/python:3.11
COPY --chown=1:1 requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir -r /tmp/requirements.txt && \\
    yum install -y jq
COPY ${WHERE}/ ${LAMBDA_TASK_ROOT}/pack/
COPY start.py ${LAMBDA_TASK_ROOT}/main.py
CMD main.run
"""
    files = {
        "src/__init__.py": "", "src/deep/__init__.py": "", "src/deep/thing.py": "Y = 7\n",
        "start.py": "from pack.deep.thing import Y\ndef run(e, c): return Y\n",
    }  # fmt: skip
    made = app(dockerfile, files)
    assert call(made) == 7
    assert "RUN yum install -y jq" in str(made["It"].verdict)


@pytest.mark.parametrize(
    ("dockerfile", "said"),
    [
        ('FROM python:3.12\nCOPY . .\nCMD ["app.h"]', "the base image python:3.12 does not run here"),
        (
            "FROM public.ecr.aws/lambda/python:3.12 AS a\nFROM public.ecr.aws/lambda/python:3.12",
            "several stages",
        ),
        ('FROM public.ecr.aws/lambda/python:3.12\nENTRYPOINT ["/run"]', "another entry point"),
        ("FROM public.ecr.aws/lambda/python:3.12\nCOPY . ./", "neither CMD nor ImageConfig"),
        ("FROM public.ecr.aws/lambda/python:3.12\nCOPY gone.py ./", "COPY finds no 'gone.py'"),
    ],
)
def test_what_does_not_run_here_is_said(app, dockerfile, said):
    made = app(dockerfile)
    assert str(made["It"].verdict.level) == "not emulated"
    assert said in str(made["It"].verdict)


def test_an_update_changes_the_function_in_place(app, call, tmp_path):
    made = app()
    name = made["It"].physical_id
    (tmp_path / "template.yaml").write_text(TEMPLATE.replace("STAGE: template", "OTHER: next"))
    made.update(tmp_path)
    assert made["It"].physical_id == name
    assert call(made)["stage"] == "image"
    assert str(made["It"].verdict.level) == "partial"


def test_a_context_that_is_copied_as_it_lies_is_used_as_it_lies(app, call, fabric, tmp_path):
    made = app(DOCKERFILE.replace("COPY app.py requirements.txt ./", "COPY . ./"))
    (tmp_path / "hello" / "app.py").write_text("def lambda_handler(e, c): return __file__\n")
    assert call(made) == str(tmp_path / "hello" / "app.py")
