"""Worker seats: who is alive, and which partitions each one holds."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create `worker_seats`."""
    op.create_table(
        "worker_seats",
        sa.Column("worker", sa.String(200), nullable=False),
        sa.Column("consumer_group", sa.String(250), nullable=False),
        sa.Column("web", sa.String(300), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("holdings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("worker"),
    )
