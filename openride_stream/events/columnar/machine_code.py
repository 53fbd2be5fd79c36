"""Functions compiled by numba when they are first called; importing this takes a second or two."""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """The function as machine code, once it is called; it waits for nobody's lock."""
    try:
        kept: Any = njit(cache=True, nogil=True, boundscheck=True)(function)
    except RuntimeError:  # there is no folder that the machine code could be kept in
        kept = njit(nogil=True, boundscheck=True)(function)
    machine_code: _Function = kept
    return machine_code
