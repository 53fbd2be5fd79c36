"""Every setting of the application: one class, made of groups.

Each is read from the environment as `OPENRIDE_<NAME>` (or from `.env`). `.env.example` is generated
from it by `openride doctor --env-example` and a test keeps the two equal.
"""

from pydantic_settings import BaseSettings, SettingsConfigDict

from openride_stream.settings.anomalies import AnomalySettings
from openride_stream.settings.events import DeadLetterSettings, EventSettings
from openride_stream.settings.exports import ExportSettings
from openride_stream.settings.flow import LiveSettings, SinkSettings
from openride_stream.settings.kafka import KafkaSettings
from openride_stream.settings.process import ProcessSettings
from openride_stream.settings.reports import ReportSettings
from openride_stream.settings.schedules import ScheduleSettings
from openride_stream.settings.storage import StorageSettings
from openride_stream.settings.stores import ClickHouseSettings, MetadataSettings
from openride_stream.settings.web import WebSettings


# In the order of .env.example, from the last to the first.
class Settings(
    ProcessSettings,
    ReportSettings,
    StorageSettings,
    ExportSettings,
    WebSettings,
    AnomalySettings,
    ScheduleSettings,
    LiveSettings,
    SinkSettings,
    DeadLetterSettings,
    EventSettings,
    MetadataSettings,
    ClickHouseSettings,
    KafkaSettings,
    BaseSettings,
):
    """The application's settings. Units are in the names."""

    model_config = SettingsConfigDict(env_prefix="OPENRIDE_", env_file=".env", extra="ignore", frozen=True)
