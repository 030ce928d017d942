"""Every recording of AWS that has a scenario agrees with the fabric; every other has its reason."""

import catalogue
import pytest
import stage

CASES = [
    pytest.param(source, name, chosen, id=f"{source}:{name}") for source, name, chosen in stage.covered()
]


@pytest.fixture(autouse=True)
def _recordings_are_there() -> None:
    if stage.oracle() is None:
        pytest.skip("the recordings are absent: put them at ../shared/oracle or set STACKPROOF_ORACLE")


@pytest.mark.parametrize(("source", "name", "chosen"), CASES)
def test_the_fabric_answers_as_aws_did(source: str, name: str, chosen: stage.Scenario) -> None:
    stage.play(source, name, chosen)


def test_each_recording_left_out_has_a_reason() -> None:
    assert [entry for entry in catalogue.left_out() if not entry[2]] == []


def test_no_recording_is_played_twice() -> None:
    names = [(source, name) for source, name, _ in stage.covered()]
    assert len(names) == len(set(names))


def test_enough_recordings_are_played() -> None:
    assert len(CASES) >= 90
