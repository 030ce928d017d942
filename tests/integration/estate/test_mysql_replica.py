"""mysql-replica: what is deployed, and that scripts and template speak of the same things."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "templates" / "mysql-replica" / "scripts"


@pytest.fixture
def system(stack: Any, aws: Any) -> Any:
    subnets = aws.ec2.describe_subnets()["Subnets"][:2]
    ids = ",".join(one["SubnetId"] for one in subnets)
    values = {
        "/network/test/vpc-id": subnets[0]["VpcId"],
        "/network/test/data-subnet-ids": ids,
        "/network/test/private-subnet-ids": ids,
        "/images/test/server": "ami-12c6146b",
    }
    for name, value in values.items():
        aws.ssm.put_parameter(Name=name, Value=value, Type="String")
    image = {"ImageId": "/images/test/server"}
    return lambda **more: stack("templates/mysql-replica", config="test", parameters={**image, **more})


def script(made: Any) -> str:
    return base64.b64decode(made["Replica"].properties["UserData"]).decode()


def test_the_read_replica_is_one_of_the_database(system: Any, aws: Any) -> None:
    made = system()
    name = made["Primary"].physical_id
    (primary,) = aws.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    assert primary["ReadReplicaDBInstanceIdentifiers"] == [made["DumpSource"].physical_id]
    assert primary["BackupRetentionPeriod"] == 7, "without backups there is no binary log"
    group = made["Settings"].physical_id
    listed = aws.rds.describe_db_parameters(DBParameterGroupName=group)["Parameters"]
    assert {one["ParameterName"]: one["ParameterValue"] for one in listed}["binlog_format"] == "ROW"


def test_the_read_replica_may_go_once_the_replica_is_set_up(system: Any, aws: Any) -> None:
    made = system()
    made.update(parameters={"ReadReplica": "no"})
    assert [one["DBInstanceIdentifier"] for one in aws.rds.describe_db_instances()["DBInstances"]] == [
        made["Primary"].physical_id
    ]
    assert "DUMP_SOURCE=\n" in script(made)


def test_the_replica_is_told_where_the_database_is_and_to_have_its_logs_kept_for_14_days(
    system: Any,
) -> None:
    made = system()
    text = script(made)
    assert f"PRIMARY={made['Primary'].attributes['Endpoint.Address']}\n" in text
    assert f"DUMP_SOURCE={made['DumpSource'].attributes['Endpoint.Address']}\n" in text
    assert f"BINLOG_RETENTION_HOURS={24 * 14}\n" in text
    assert 'DATABASES="shop"\n' in text
    assert "SERVER_ID=4711\n" in text


def test_user_data_gives_every_setting_that_the_scripts_read(system: Any) -> None:
    given = set(re.findall(r"^([A-Z_]+)=", script(system()), re.MULTILINE))
    texts = [(SCRIPTS / name).read_text(encoding="utf-8") for name in ("replicate.sh", "configure.sh")]
    read = {name for text in texts for name in re.findall(r"\$\{?([A-Z][A-Z_]+)", text)}
    # Noted by an earlier step, or with a default.
    noted = {"FILE", "OFFSET", "GTID", "STATE"}
    assert read - noted == given - {"PIPX_BIN_DIR"}


def test_user_data_runs_scripts_that_there_are(system: Any) -> None:
    named = re.findall(r"/opt/replica/([a-z]+[.]sh)", script(system()))
    assert named == ["secrets.sh", "configure.sh", "replicate.sh"]
    assert sorted(named) == sorted(path.name for path in SCRIPTS.iterdir())


def test_the_replica_reads_both_secrets_and_nobody_else_s(system: Any) -> None:
    made = system()
    (policy,) = made["ReplicaRole"].properties["Policies"]
    (reading,) = [one for one in policy["PolicyDocument"]["Statement"] if "secretsmanager" in one["Action"]]
    assert reading["Resource"] == [
        made["ReplicationUser"].physical_id,
        made["Primary"].attributes["MasterUserSecret.SecretArn"],
    ]
    assert "password" not in script(made).lower()
