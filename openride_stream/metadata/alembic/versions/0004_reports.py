"""Reports: their schedules, and every run of them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create `report_schedules` and `report_executions`."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "report_schedules",
        sa.Column("schedule_id", sa.String(36), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("report_name", sa.String(200), nullable=False),
        sa.Column("report_type", sa.String(40), nullable=False),
        sa.Column("frequency", sa.String(100), nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("format", sa.String(20), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.Column("next_run_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("schedule_id"),
    )
    op.create_index("report_schedules_due", "report_schedules", ["active", "next_run_at"])
    op.create_table(
        "report_executions",
        sa.Column("execution_id", sa.String(36), nullable=False),
        sa.Column("schedule_id", sa.String(36), nullable=False),
        sa.Column("slot", sa.String(64), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("trigger", sa.String(20), nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("range_start", moment, nullable=False),
        sa.Column("range_end", moment, nullable=False),
        sa.Column("retry_at", moment, nullable=False),
        sa.Column("started_at", moment, nullable=True),
        sa.Column("finished_at", moment, nullable=True),
        sa.Column("worker", sa.String(200), nullable=True),
        sa.Column("lease_until", moment, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("filename", sa.String(300), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", moment, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("execution_id"),
        sa.UniqueConstraint("schedule_id", "slot", name="report_executions_slot"),
    )
    op.create_index("report_executions_status", "report_executions", ["status", "retry_at"])
