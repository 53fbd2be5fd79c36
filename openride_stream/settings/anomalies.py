"""Settings of the watch over the live series."""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator


class AnomalySettings(BaseModel):
    """When a live series is out of the ordinary, and who is told."""

    anomaly_days: int = Field(
        28,
        ge=4,
        le=90,
        description="Days back that say what is usual at a time of the day; working days are compared with "
        "working days, Saturdays and Sundays with each other.",
    )
    anomaly_window_minutes: int = Field(
        5, ge=1, le=30, description="Minutes whose events are taken together when a live series is judged."
    )
    anomaly_score: float = Field(
        5.0,
        gt=0,
        description="Robust standard deviations from what is usual, from which on a series is flagged.",
    )
    anomaly_baseline: Literal["median", "ewma"] = Field(
        "median",
        description="What earlier days come to: the median and the median absolute deviation, which one bad "
        "day moves little; or exponentially weighted mean and deviation, which follow a platform that grows.",
    )
    anomaly_ewma_weight: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="Of `ewma`: the share of the newest of the earlier days; each one before has less by it.",
    )
    anomaly_webhook_url: SecretStr = Field(
        SecretStr(""),
        description="Address that a JSON object is posted to when a series becomes unusual, once in the "
        "cluster; empty: none. It may hold a secret, so it is not logged.",
    )

    @field_validator("anomaly_webhook_url")
    @classmethod
    def _is_an_address(cls, url: SecretStr) -> SecretStr:
        address = url.get_secret_value()
        if address and not address.startswith(("http://", "https://")):
            message = "an address begins with http:// or https://"
            raise ValueError(message)
        return url
