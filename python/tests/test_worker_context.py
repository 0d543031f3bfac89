"""What the import and ``@on_start`` set in their context counts in every call."""

from __future__ import annotations


def test_async_tools_run_in_the_context_that_the_import_and_the_start_have_left(start):
    """They ran in the reader's context, which is empty: an adapter that asks for 50 digits got 28
    from its async tools, without a word.
    """
    worker = start("""
        import contextvars, decimal
        from terrarium import tool, on_start
        decimal.getcontext().prec = 50
        of_import = contextvars.ContextVar("of_import", default=0)
        of_start = contextvars.ContextVar("of_start", default=0)
        of_async_start = contextvars.ContextVar("of_async_start", default=0)
        of_import.set(1)
        @on_start
        def start():
            of_start.set(2)
        @on_start
        async def start_async():
            of_async_start.set(of_start.get() + 1)
        def seen():
            found = of_import.get(), of_start.get(), of_async_start.get()
            of_import.set(100)
            return [*found, len(str(decimal.Decimal(1) / 7))]
        @tool
        def plain():
            return seen()
        @tool
        async def later():
            return seen()
    """)
    for _ in range(2):  # and what one call sets, no other sees
        assert worker.call("plain") == [1, 2, 3, 52]
        assert worker.call("later") == [1, 2, 3, 52]
    assert worker.drain() == 0
