"""Reports: whom a mail did not reach stays on record beside the mail."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add which recipients the SMTP server refused."""
    op.add_column("report_executions", sa.Column("refused", sa.Text(), nullable=True))
