"""A limit of the memory is about what the process has now, not about a peak it once had."""

from entrypoints.serve import memory_used

_MIB = 1024 * 1024


def test_memory_that_was_given_back_does_not_count() -> None:
    before = memory_used()
    block = b"x" * (200 * _MIB)
    with_block = memory_used()
    del block

    assert with_block > before + 150
    assert memory_used() < before + 50
