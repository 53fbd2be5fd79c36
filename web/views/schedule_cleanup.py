"""`DELETE /v1/schedule-analytics/cleanup`: old executions go, and who had them go is on record."""

import logging
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from openride_stream.api.schedules import Cleanup
from openride_stream.clickhouse.cleanup import clean_up
from openride_stream.clock import rfc3339
from web.context import Context
from web.endpoint import Endpoint
from web.tokens import Caller
from web.views.schedules import BASE

logger = logging.getLogger(__name__)


class CleanupQuery(BaseModel):
    """How much stays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days_to_keep: Annotated[int, Field(ge=1, le=365)] = Field(
        description="So many UTC days before today stay; executions that started before them go."
    )
    dry_run: bool = Field(False, description="Only say what would go.")


async def _clean_up(context: Context, query: CleanupQuery, caller: Caller) -> dict[str, Any]:
    runtime = context.runtime
    cleaned = await clean_up(
        runtime.store, runtime.clock, query.days_to_keep, caller.key, dry_run=query.dry_run
    )
    answer = {
        "before": rfc3339(cleaned.before_ms),
        "dry_run": query.dry_run,
        "executions": cleaned.executions,
        "months_dropped": list(cleaned.months),
    }
    done = "Schedule executions counted that would go" if query.dry_run else "Schedule executions cleaned up"
    logger.warning(done, extra={"caller": caller.key, **answer})
    return answer


ENDPOINTS: Final = (
    Endpoint(
        method="DELETE",
        path=f"{BASE}/cleanup",
        role="admin",
        summary="Deletes executions that started before the last days, or says what would go.",
        answer=_clean_up,
        request=CleanupQuery,
        response=Cleanup,
        asks_who=True,
        example={
            "before": "2025-12-02T00:00:00.000Z",
            "dry_run": False,
            "executions": 182034,
            "months_dropped": ["202510", "202511"],
        },
    ),
)
