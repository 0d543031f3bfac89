"""Values: what can be sent, how it looks, and where exactly the rest is refused."""

from __future__ import annotations

import array
import ast
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import itertools
import json
import math
import pathlib
import pickle
import sys
import uuid

import pytest

from terrarium import _cpython, _plain, _values
from terrarium._values import Unsendable, decode, encode


class Colour(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class View(dict):
    """Says something else of itself than it holds."""

    def items(self):
        return [(1, 2)]

    def __iter__(self):
        return iter([3])


class Window(list):
    def __iter__(self):
        return iter([1, 2, 3])

    def __getitem__(self, index):
        return "?"

    def __len__(self):
        return 7


class Plain(enum.Enum):
    A = 1


@dataclasses.dataclass
class Inner:
    data: bytes
    level: Level = Level.HIGH


@dataclasses.dataclass
class Outer:
    inner: Inner
    many: list = dataclasses.field(default_factory=list)


Point = collections.namedtuple("Point", "x y")


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def round_trip(value):
    envelope, attachments = encode(value)
    return decode(envelope, [bytes(each) for each in attachments])


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -(10**4299),
        10**4300 - 1,
        1.5,
        math.inf,
        -math.inf,
        "",
        'ä\U0001f600\x00\n"\\',
        [],
        {},
        [[], {}, [None, [1, "a"]]],
        {"a": {"": 1}, "b": [True, False]},
        b"",
        b"abc",
        {"a": [b"x", {"b": b"y"}], "c": b"z"},
        {"$bytes": 0},
        {"$": 1, "$$a": {"$bytes": b"q"}, "b$": '"$'},
        nested(500),
    ],
    ids=itertools.count(),
)
def test_values_come_back_as_they_were(value):
    assert round_trip(value) == value


def test_nan_is_a_word():
    assert encode(math.nan)[0] == b"NaN"
    assert math.isnan(round_trip(math.nan))


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ((1, (2,)), [1, [2]]),
        (Point(1, 2), [1, 2]),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        ({Colour.RED: Level.HIGH}, {"red": 3}),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (collections.defaultdict(int, a=1), {"a": 1}),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcdef")[::2], b"ace"),
        (memoryview(array.array("h", [1, 2])), array.array("h", [1, 2]).tobytes()),
        ([memoryview(b"")], [b""]),
        (
            Outer(Inner(b"x"), [Inner(b"y")]),
            {
                "inner": {"data": b"x", "level": 3},
                "many": [{"data": b"y", "level": 3}],
            },
        ),
    ],
)
def test_kin_of_the_basic_types_are_sent_as_them(value, sent):
    assert round_trip(value) == sent
    assert list(round_trip({"a": value})) == ["a"]


@pytest.mark.parametrize("beside", ["plain", "$ref", b"bytes", {1}])
def test_a_subclass_is_sent_as_what_it_holds_whatever_else_the_value_holds(beside):
    """The encoder in C asks a dictionary's ``items``, the other one did not: what arrived changed
    with the text beside it, and an integer key got through.
    """
    value = [View(a=1), Window([4, 5]), beside]
    assert round_trip(value)[:2] == [{"a": 1}, [4, 5]]


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (datetime.datetime(2026, 12, 1, 3, 4, 5), "2026-12-01T03:04:05"),
        (
            datetime.datetime(2026, 12, 1, 3, 4, 5, 67, datetime.timezone.utc),
            "2026-12-01T03:04:05.000067+00:00",
        ),
        (datetime.date(2026, 12, 1), "2026-12-01"),
        (datetime.time(3, 4), "03:04:00"),
        (datetime.timedelta(days=2, seconds=1), "PT172801S"),
        (datetime.timedelta(microseconds=-1_500_000), "PT-1.500000S"),
        (datetime.timedelta(), "PT0S"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (pathlib.Path("a"), "a"),
        (frozenset(["x"]), ["x"]),
        ({b"x"}, [b"x"]),
        (Plain.A, "A"),
        (Access.READ, "READ"),
    ],
)
def test_types_that_json_has_no_word_for_are_sent_as_text_or_lists(value, sent):
    assert round_trip(value) == sent
    assert round_trip({"a": [value, "$"]}) == {"a": [sent, "$"]}


@pytest.mark.parametrize(
    "text", ["1", "12345678901234567.89", "0.10", "-1E+30", "1E-999999", "0E+5"]
)
def test_a_decimal_keeps_its_digits_and_its_type(text):
    back = round_trip({"price": [decimal.Decimal(text)]})["price"][0]
    assert type(back) is decimal.Decimal
    assert str(back) == text


@pytest.mark.parametrize("envelope", [b'{"$decimal":1}', b'{"$decimal":"x"}', b'{"$decimal":null}'])
def test_what_is_no_decimal_is_no_envelope(envelope):
    with pytest.raises(ValueError, match="decimal"):
        decode(envelope, [])


def test_the_order_of_keys_stays_on_both_ways_of_encoding():
    value = {"z": 1, "a": 2, "$m": 3, "b": 4}
    assert list(round_trip(value)) == ["z", "a", "$m", "b"]


def test_attachments_are_not_copied():
    data = bytearray(b"x" * 1000)
    _, attachments = encode({"a": data, "b": memoryview(data)})
    assert attachments[0] is data
    assert attachments[1].obj is data


SURROGATE = (
    "text with half a surrogate pair (character {}) cannot be sent;"
    " where it came from bytes, send the bytes"
)
NUMBERS = "cannot be sent; send .tolist() for numbers, .tobytes() for bytes"
CYCLE: list = [1]
CYCLE.append({"again": CYCLE})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"items": [1, 2, 3, {"when": fractions.Fraction(1, 3)}]},
            "value.items[3].when: a fractions.Fraction cannot be sent; send str() or float() of it",
        ),
        (
            [decimal.Decimal("NaN")],
            "value[0]: NaN is no BigDecimal in Java; send float('NaN')",
        ),
        (
            decimal.Decimal("1E+3000000000"),
            "value: the exponent of 1E+3000000000 is past the range of a BigDecimal in Java",
        ),
        (
            decimal.Decimal(10**4300),
            "value: a Decimal of more than 4300 digits cannot be sent",
        ),
        ({(1, object)}, "value[0][1]: a type cannot be sent"),
        (Access(3), "value: <Access.READ|WRITE: 3> has no name of its own; send .value"),
        ((x for x in ()), "value: a generator cannot be sent; send a list: list(...)"),
        ({"a": {1: 2}}, "value.a: an int cannot be sent as a key: 1; keys are text, use str(...)"),
        (
            {"a": {"x": 1, None: 2}},
            "value.a: a NoneType cannot be sent as a key: None; keys are text, use str(...)",
        ),
        ({b"k": 1}, "value: a bytes cannot be sent as a key: b'k'; keys are text, use str(...)"),
        (Outer(Inner(object())), "value.inner.data: an object cannot be sent"),
        ([[10**4300]], "value[0][0]: an integer of more than 4300 digits cannot be sent"),
        (-(10**4300), "value: an integer of more than 4300 digits cannot be sent"),
        (CYCLE, "value[1].again: a list that contains itself cannot be sent"),
        (
            "a\ud800",
            f"value: {SURROGATE.format(1)}",
        ),
        (
            {"k": ["\udc80"]},
            f"value.k[0]: {SURROGATE.format(0)}",
        ),
        (1j, "value: a complex cannot be sent; send its .real and .imag"),
        ([int], "value[0]: a type cannot be sent"),
        (print, "value: a builtin_function_or_method cannot be sent"),
        (
            array.array("i"),
            f"value: an array.array {NUMBERS}",
        ),
    ],
    ids=itertools.count(),
)
def test_what_cannot_be_sent_is_named_with_its_path(value, message):
    with pytest.raises(Unsendable) as caught:
        encode(value)
    assert str(caught.value) == message


def test_a_coroutine_says_what_is_missing():
    async def forgotten():
        return 1

    coroutine = forgotten()
    with pytest.raises(Unsendable, match="a coroutine cannot be sent; write the tool with async"):
        encode(coroutine)
    coroutine.close()


def test_nesting_ends_at_500():
    assert encode(nested(500))[0] == b"[" * 500 + b"1" + b"]" * 500
    for value in (nested(501), {"a": nested(500)}):
        with pytest.raises(Unsendable, match="containers nested more than 500 deep"):
            encode(value)


def test_dataclasses_nest_as_deep_as_lists():
    value = 1
    for _ in range(250):
        value = Outer([value])
    envelope, _ = encode(value)
    assert envelope.count(b'"inner"') == 250


def test_shared_containers_are_sent_twice_and_are_no_cycle():
    shared = [1]
    assert round_trip([shared, {"a": shared}]) == [[1], {"a": [1]}]


@pytest.mark.parametrize("containers", [1, 31, 32, 33, 200])
def test_few_and_many_containers_are_sent_alike(containers):
    value = [{"a": index} for index in range(containers - 1)]
    assert _values.encode(value) == _values._encode_slowly(value, "value")


@pytest.mark.parametrize(
    "value",
    [
        [[1], {"a": (1, 2)}],
        {"a": {1: "a key that is no text"}},
        [[b"bytes"]],
        [["text"], {"$a": 1}],
        [[float("nan")], True, None],
        [{"a": [10**5000]}],
        [[object()]],
    ],
)
def test_the_short_way_of_encoding_says_what_the_long_one_says(value):
    def said(encode):
        try:
            return encode(value, "value")
        except Unsendable as error:
            return str(error)

    assert said(_values.encode) == said(_values._encode_slowly)


def test_wide_cycles_are_found_without_growing():
    wide: list = []
    wide.extend([wide] * 1000)
    with pytest.raises(Unsendable, match="contains itself"):
        encode(wide)


def test_the_digits_are_counted_also_where_python_has_no_limit():
    if not hasattr(sys, "set_int_max_str_digits"):
        pytest.skip("this Python never had a limit")
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        with pytest.raises(Unsendable, match=r"value\[0\]: an integer of more than 4300"):
            encode([10**4300])
        assert encode([10**4300 - 1])[0] == b"[" + b"9" * 4300 + b"]"
        assert encode(["x" * 5000])[0] == b'["' + b"x" * 5000 + b'"]'
    finally:
        sys.set_int_max_str_digits(before)


def test_numpy_like_values_say_what_to_do_without_importing_numpy():
    kind = type("ndarray", (), {"__module__": "numpy"})
    with pytest.raises(Unsendable) as caught:
        encode({"scores": kind()})
    assert str(caught.value) == (
        "value.scores: a numpy.ndarray cannot be sent;"
        " send .tolist() for numbers, .tobytes() for bytes"
    )
    with pytest.raises(Unsendable, match=r"a numpy\.int64 cannot be sent; send \.item\(\)"):
        encode(type("int64", (), {"__module__": "numpy"})())


def test_a_field_without_a_value_is_named():
    broken = Inner(b"")
    del broken.data
    with pytest.raises(Unsendable, match=r"value\.data: the field has no value"):
        encode(broken)


def test_too_many_attachments_are_refused():
    with pytest.raises(Unsendable, match="65536 byte strings are too many"):
        encode([b""] * 65_536)
    assert len(encode([b""] * 65_535)[1]) == 65_535


def test_too_many_bytes_are_refused_with_their_path(monkeypatch):
    monkeypatch.setattr(_plain, "ATTACHMENT_BYTES_MAX", 10)
    with pytest.raises(Unsendable, match=r"value\.a\[1\]: 11 bytes are too many \(10 at most"):
        encode({"a": [b"", b"x" * 11]})


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"{]}",
        b"[1] 2",
        b"\xff",
        b'{"a":',
        b"nul",
        b'{"$bytes": 1}',
        b'{"$bytes": -1}',
        b'{"$bytes": true}',
        b'{"$bytes": 0, "b": 1}',
        b'{"$other": 1}',
        b'{"$bytes": "0"}',
    ],
)
def test_envelopes_that_are_none_raise_value_errors(envelope):
    with pytest.raises(ValueError, match=r".*"):
        decode(envelope, [b"x"])


def test_white_space_around_json_is_allowed():
    assert decode(b' \n {"a" : [ 1 , 2 ] } \n', []) == {"a": [1, 2]}


def test_without_the_c_accelerator_everything_is_the_same(monkeypatch):
    value = {"a": [b"x", 1.5, None], "$b": {"c": (1, 2)}}
    with_it = encode(value)
    encoder, scanner = _cpython._public_json()
    for name, replacement in (("encoder", encoder), ("scanner", scanner)):
        monkeypatch.setattr(_values, f"json_{name}", replacement)
    monkeypatch.setattr(_values, "_ENCODE", encoder(None))
    monkeypatch.setattr(_values, "_SCAN", scanner(None))
    assert encode(value) == with_it
    assert round_trip(value) == {"a": [b"x", 1.5, None], "$b": {"c": [1, 2]}}
    assert json.loads(encode([1, "a"])[0]) == [1, "a"]


# ---- what is not in a value


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_what_somebody_pickled_stays_bytes(tmp_path):
    path = tmp_path / "it-went-off"
    bomb = pickle.dumps(Bomb(str(path)))
    assert round_trip([bomb]) == [bomb]
    assert not path.exists()


def test_nothing_of_ours_can_read_objects():
    readers = {"pickle", "_pickle", "marshal", "shelve", "copyreg", "dill", "cloudpickle"}
    files = list(pathlib.Path(_values.__file__).parent.glob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
            assert not readers & {*names, getattr(node, "module", None)}, file.name
