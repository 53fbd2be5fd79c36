"""Reports: a webhook beside the mail."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add where a report is posted to, and when it was."""
    op.add_column("report_schedules", sa.Column("webhook_url", sa.Text(), nullable=True))
    op.add_column("report_executions", sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True))
