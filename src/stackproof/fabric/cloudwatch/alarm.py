"""What an alarm is, and how the API shows it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackproof.fabric import arns
from stackproof.fabric.clock import iso
from stackproof.fabric.cloudwatch.reading import moment

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"
ACTIONS = {OK: "OKActions", ALARM: "AlarmActions", INSUFFICIENT: "InsufficientDataActions"}
METRIC, COMPOSITE = "MetricAlarm", "CompositeAlarm"


@dataclass(slots=True)
class Alarm:
    """``settings`` are the parameters it was put with. Times are milliseconds.

    ``updated_ms`` is when its state or reason was last written, ``changed_ms`` when the state last changed.
    """

    account: str
    region: str
    name: str
    kind: str
    settings: Mapping[str, Any]
    configured_ms: int
    state: str = INSUFFICIENT
    reason: str = "Unchecked: Initial alarm creation"
    data: str = ""
    updated_ms: int = 0
    changed_ms: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    enabled: bool = True
    resting: Any = None
    """What its metric rests at since it was judged last (``Sources.resting``)."""

    @property
    def arn(self) -> str:
        """The ARN."""
        return arns.arn("cloudwatch", self.region, self.account, f"alarm:{self.name}")

    def clone(self) -> Alarm:
        """A copy; settings are never changed in place."""
        twin = copy.copy(self)
        twin.tags = dict(self.tags)
        return twin

    @property
    def period(self) -> int:
        """Seconds of a datapoint."""
        periods = [
            int((query.get("MetricStat") or query).get("Period") or 60)
            for query in self.settings.get("Metrics") or ()
        ]
        return max(periods) if periods else int(self.settings.get("Period") or 60)

    @property
    def needed(self) -> tuple[int, int]:
        """Datapoints to alarm, and the periods that are looked at."""
        count = int(self.settings["EvaluationPeriods"])
        return int(self.settings.get("DatapointsToAlarm") or count), count

    def actions(self, state: str) -> list[str]:
        """What entering a state sets off."""
        return list(self.settings.get(ACTIONS[state]) or ())

    def shown(self) -> dict[str, Any]:
        """As DescribeAlarms answers it."""
        settings = {name: value for name, value in self.settings.items() if name != "Tags"}
        answer: dict[str, Any] = {
            "OKActions": [], "AlarmActions": [], "InsufficientDataActions": [],
            **({"Dimensions": []} if self.kind == METRIC and "Metrics" not in settings else {}),
            **settings,
            "AlarmName": self.name, "AlarmArn": self.arn, "ActionsEnabled": self.enabled,
            "AlarmConfigurationUpdatedTimestamp": moment(self.configured_ms / 1000),
            "StateValue": self.state, "StateReason": self.reason,
            "StateUpdatedTimestamp": moment((self.updated_ms or self.configured_ms) / 1000),
            "StateTransitionedTimestamp": moment((self.changed_ms or self.configured_ms) / 1000),
        }  # fmt: skip
        if self.data:
            answer["StateReasonData"] = self.data
        return answer


def stamp(ms: int) -> str:
    """A time as alarms write it: ``2026-01-01T00:00:00.000+0000``."""
    return iso(ms).replace("Z", "+0000")
