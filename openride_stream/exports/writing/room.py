"""Room on a disk, which comes back."""

import errno
from typing import Final

_MAY_PASS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ETIMEDOUT})


def may_pass(error: OSError) -> bool:
    """Whether a file that could not be written may be the next time: the disk was full, or away."""
    return error.errno in _MAY_PASS
