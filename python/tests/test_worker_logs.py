"""Records of ``logging`` as LOG frames."""

from __future__ import annotations

from terrarium import _wire


def test_logging_arrives_as_frames_with_level_logger_and_traceback(start):
    worker = start("""
        import logging
        from terrarium import tool, on_start, context
        log = logging.getLogger("my.module")
        class Loud:
            def __str__(self):
                logging.error("inside")
                return "loud"
        @on_start
        def load():
            log.warning("loaded %d", 5)
        @tool
        def talk():
            log.info("not seen by default")
            log.error("bad %s", "thing")
            log.warning("arguments %d", "wrong")
            log.critical("%s", Loud())
            try:
                1 / 0
            except ZeroDivisionError:
                log.exception("failed")
            log.log(35, "x" * 100_000)
            return context.call_id
    """)
    early = worker.receive()
    assert (early.kind, early.id) == (_wire.LOG, 0)
    expected = {"level": "WARNING", "logger": "my.module", "message": "loaded 5"}
    assert early.value == expected
    number = worker.call("talk")
    assert {frame.id for frame in worker.logs} == {number}
    values = [frame.value for frame in worker.logs]
    assert values[0] == {"level": "ERROR", "logger": "my.module", "message": "bad thing"}
    assert (values[1]["level"], values[1]["message"]) == ("CRITICAL", "loud")
    assert values[2]["message"].startswith("failed\nTraceback (most recent call last):")
    assert values[2]["message"].endswith("ZeroDivisionError: division by zero")
    assert len(values[3]["message"]) < 70_000
    assert len(values) == 4
    assert "a log record of my.module could not be sent" in worker.errors()


def test_logging_that_is_imported_by_the_first_call_is_caught_by_the_second(start):
    worker = start("""
        from terrarium import tool
        @tool
        def talk():
            import logging
            logging.error("here")
    """)
    worker.call("talk")
    worker.call("talk")
    assert [frame.value["message"] for frame in worker.logs] == ["here"]
