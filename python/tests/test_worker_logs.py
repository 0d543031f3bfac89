"""Records of ``logging``: each arrives once, at its level, with its logger, whatever the adapter
has configured.
"""

from __future__ import annotations

import pytest

from terrarium import _protocol


def test_logging_arrives_as_frames_with_level_logger_and_traceback(start):
    worker = start("""
        import logging
        from terrarium import tool, context
        log = logging.getLogger("my.module")
        class Loud:
            def __str__(self):
                logging.error("inside")
                return "loud"
        @tool
        def talk():
            log.debug("not seen by default")
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
    number = worker.call("talk")
    assert {frame.id for frame in worker.logs} == {number}
    values = [frame.value for frame in worker.logs]
    assert values[0] == {"level": "ERROR", "logger": "my.module", "message": "bad thing"}
    # One that cannot be formatted is a record of its logger's all the same.
    assert (values[1]["level"], values[1]["logger"]) == ("WARNING", "my.module")
    assert values[1]["message"].startswith("arguments %d with ('wrong',) (TypeError: %d format")
    assert (values[2]["level"], values[2]["message"]) == ("CRITICAL", "loud")
    assert values[3]["message"].startswith("failed\nTraceback (most recent call last):")
    assert values[3]["message"].endswith("ZeroDivisionError: division by zero")
    assert len(values[4]["message"]) < 70_000
    assert len(values) == 5
    assert worker.errors() == ""


CONFIGURATIONS = {
    "nothing": ("", ""),
    "at the top": ("logging.basicConfig(level=logging.INFO)", ""),
    "at the start": ("", "logging.basicConfig(level=logging.INFO)"),
    "by force": ("", "logging.basicConfig(level=logging.INFO, force=True)"),
    "on stdout": ("logging.basicConfig(level=logging.INFO, stream=sys.stdout)", ""),
    "by dict": ("", "logging.config.dictConfig(BY_DICT)"),
    "by hand": (
        "log.addHandler(logging.StreamHandler()); log.propagate = False",
        "log.setLevel(logging.INFO)",
    ),
    "by a class of its own": (
        "class Own(logging.StreamHandler): pass\nlog.addHandler(Own(sys.stdout))",
        "",
    ),
}


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_each_record_arrives_once_whatever_the_adapter_has_configured(start, configuration):
    """A handler on the root logger was not enough: ``basicConfig`` printed each record a second
    time, and ``force=True`` or a root section removed it, so that errors arrived as INFO.
    """
    top, later = CONFIGURATIONS[configuration]
    worker = start(
        """
        import logging, logging.config, sys
        from terrarium import tool, on_start
        log = logging.getLogger("acme.model")
        BY_DICT = {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"console": {"class": "logging.StreamHandler"}},
            "root": {"level": "INFO", "handlers": ["console"]},
        }
        %s
        @on_start
        def load():
            %s
        @tool
        def talk():
            log.debug("debug")
            log.info("info", extra={"order": 7})
            log.warning("warning")
            logging.error("of the root")
    """
        % (top.replace("\n", "\n        "), later or "pass")
    )
    worker.call("talk")
    assert [frame.value for frame in worker.logs] == [
        {
            "level": "INFO",
            "logger": "acme.model",
            "message": "info",
            "extra": {"order": "7"},
        },
        {"level": "WARNING", "logger": "acme.model", "message": "warning"},
        {"level": "ERROR", "logger": "root", "message": "of the root"},
    ]
    assert worker.drain() == 0
    assert worker.errors() + worker.output() == ""


def test_records_of_the_import_and_of_the_start_are_lines_on_standard_error(start):
    """There is no connection yet, and where the start fails there never will be."""
    worker = start.begin("""
        import logging
        from terrarium import tool, on_start
        logging.basicConfig()
        logging.getLogger("a.b").warning("import\\nsecond line", extra={"n": 1})
        @on_start
        def load():
            logging.error("é" * 10_000)
            raise ValueError("no")
        @tool
        def one():
            return 1
    """)
    assert worker.accept().value["failure"]["reason"] == "ON_START_FAILED"
    assert worker.ended() == 1
    first, second = worker.records()
    assert first == {
        "level": "WARNING",
        "logger": "a.b",
        "message": "import\nsecond line",
        "extra": {"n": "1"},
    }
    assert second["level"] == "ERROR"
    assert second["message"].startswith("éé")
    assert "8800 characters left out" in second["message"]


def test_a_handler_that_writes_elsewhere_goes_on_writing(start, tmp_path):
    worker = start(
        f"""
        import io, logging
        from terrarium import tool
        kept = io.StringIO()
        logging.basicConfig(
            level=5,
            format="%(message)s",
            handlers=[
                logging.FileHandler({str(tmp_path / "own.log")!r}), logging.StreamHandler(kept),
            ],
        )
        @tool
        def talk():
            logging.log(5, "fine")
            logging.info("coarse")
            return kept.getvalue()
    """
    )
    assert worker.call("talk") == "fine\ncoarse\n"
    assert (tmp_path / "own.log").read_text() == "fine\ncoarse\n"
    assert [frame.value["message"] for frame in worker.logs] == ["coarse"]


def test_logging_that_a_call_imports_is_caught_by_that_call(start):
    worker = start("""
        from terrarium import tool
        @tool
        def talk():
            import logging
            logging.error("here")
    """)
    worker.call("talk")
    assert [frame.value["message"] for frame in worker.logs] == ["here"]
    assert worker.errors() == ""


def test_levels_are_the_host_s_and_may_change_at_any_time(start):
    worker = start("""
        import logging
        from terrarium import tool
        fine, coarse = logging.getLogger("acme.fine"), logging.getLogger("acme.coarse")
        own = logging.getLogger("own")
        own.setLevel(logging.ERROR)
        @tool
        def talk():
            for log in fine, coarse, own:
                log.debug("debug of %s", log.name)
                log.warning("warning of %s", log.name)
            return [log.isEnabledFor(logging.DEBUG) for log in (fine, coarse, own)]
    """)

    def said() -> list[str]:
        worker.logs.clear()
        worker.call("talk")
        return [frame.value["message"] for frame in worker.logs]

    assert said() == ["warning of acme.fine", "warning of acme.coarse"]
    assert {"acme.fine", "acme.coarse"} <= set(worker.loggers)
    worker.send(_protocol.LEVELS, 0, {"levels": {"acme.fine": 10, "acme.coarse": 40}})
    assert said() == ["debug of acme.fine", "warning of acme.fine"]
    assert worker.call("talk") == [True, False, False]
    worker.send(
        _protocol.LEVELS, 0, {"levels": {"": 10, "acme.fine": 60, "acme.coarse": 10, "own": 10}}
    )
    assert said() == ["debug of acme.coarse", "warning of acme.coarse"]


def test_a_forked_child_s_records_go_by_standard_error_unless_it_has_its_own(start):
    worker = start("""
        import logging, os
        from terrarium import tool
        @tool
        def fork(elsewhere):
            child = os.fork()
            if child == 0:
                if elsewhere:
                    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                logging.getLogger("child").error("in a child")
                os._exit(0)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    """)
    assert worker.call("fork", True) == 0
    assert worker.call("fork", False) == 0
    assert worker.logs == []
    assert worker.records() == [{"level": "ERROR", "logger": "child", "message": "in a child"}]


def test_the_first_async_call_logs_by_the_connection_however_busy_the_machine_is(start):
    # It may begin as soon as the HELLO is out. It began, on a busy machine, before the main thread
    # had told the log of its connection, and its records went to standard error.
    worker = start("""
        import logging, time
        from terrarium import _logs, tool
        connect = _logs.Bridge.connect
        def slowly(*args):
            time.sleep(0.3)
            connect(*args)
        _logs.Bridge.connect = slowly
        @tool
        async def talk():
            logging.warning("said")
    """)
    worker.call("talk")
    assert [frame.value["message"] for frame in worker.logs] == ["said"]
    assert worker.errors() == ""
