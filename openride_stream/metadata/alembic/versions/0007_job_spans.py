"""Job slots that stand for a stretch of time."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what stretch of time a run has dealt with."""
    op.add_column("job_runs", sa.Column("covers_from", sa.DateTime(timezone=True), nullable=True))
    op.add_column("job_runs", sa.Column("covers_until", sa.DateTime(timezone=True), nullable=True))
