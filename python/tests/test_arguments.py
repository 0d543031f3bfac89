"""Dataclasses from objects: where the annotation asks for them, and with the path of what does not
fit.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import pathlib
import uuid
from typing import Annotated, Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple, Union  # noqa: UP035

import pytest

from terrarium._tools import Tool
from terrarium._types import BadArgument


@dataclasses.dataclass
class Item:
    name: str
    count: int = 1
    double: int = dataclasses.field(init=False, default=2)


@dataclasses.dataclass
class Order:
    items: list[Item]
    best: Optional[Item] = None
    by_name: dict[str, Item] = dataclasses.field(default_factory=dict)
    note: str = ""


@dataclasses.dataclass
class Tree:
    value: int
    children: List[Tree] = dataclasses.field(default_factory=list)  # noqa: UP006


@dataclasses.dataclass
class Scaled:
    value: int
    factor: dataclasses.InitVar[int]

    def __post_init__(self, factor):
        self.value *= factor


def call(function, *args, **named):
    convert = Tool(function, None, False).convert
    if convert:
        args, named = convert(list(args), named)
    return function(*args, **named)


def test_an_object_becomes_the_dataclass():
    def f(item: Item):
        return item

    assert call(f, {"name": "a"}) == Item("a")
    assert call(f, item={"name": "a", "count": 5}) == Item("a", 5)
    assert call(f, {"name": "a", "double": 2}) == Item("a")


def test_dataclasses_inside_dataclasses_lists_and_dictionaries():
    def f(order: Order):
        return order

    order = call(
        f,
        {
            "items": [{"name": "a"}, {"name": "b", "count": 2}],
            "best": {"name": "c"},
            "by_name": {"d": {"name": "d"}},
        },
    )
    assert order == Order([Item("a"), Item("b", 2)], Item("c"), {"d": Item("d")})
    assert call(f, {"items": [], "best": None}) == Order([])


def test_a_dataclass_may_contain_itself():
    def f(tree: Tree):
        return tree

    built = call(f, {"value": 1, "children": [{"value": 2, "children": [{"value": 3}]}]})
    assert built == Tree(1, [Tree(2, [Tree(3)])])


def test_init_only_fields_are_passed():
    def f(scaled: Scaled):
        return scaled.value

    assert call(f, {"value": 2, "factor": 5}) == 10


def test_all_spellings_of_containers():
    def f(
        a: List[Item],  # noqa: UP006
        b: Sequence[Item],
        c: Tuple[Item, ...],  # noqa: UP006
        d: Dict[str, Item],  # noqa: UP006
        e: Annotated[Item, "why"],
        f: Union[Item, str],
        g: Optional[list[Optional[Item]]],
    ):
        return [a, b, c, d, e, f, g]

    one, built = {"name": "a"}, Item("a")
    assert call(f, [one], [one], [one], {"k": one}, one, one, [one, None]) == [
        [built],
        [built],
        (built,),
        {"k": built},
        built,
        built,
        [built, None],
    ]
    assert call(f, [], [], [], {}, one, "text", None)[5:] == ["text", None]


def test_alternatives_as_text_work_before_python_310_too():
    def f(item: Item | None):
        return item

    assert call(f, {"name": "a"}) == Item("a")
    assert call(f, None) is None


def test_the_first_alternative_that_fits_is_built():
    def f(value: Union[Order, Item]):
        return value

    assert call(f, {"name": "a"}) == Item("a")
    assert call(f, {"items": []}) == Order([])


def test_rest_parameters_are_built_one_by_one():
    def f(first, *items: Item, **named: Item):
        return items, named

    items, named = call(f, 1, {"name": "a"}, {"name": "b"}, x={"name": "c"})
    assert items == (Item("a"), Item("b"))
    assert named == {"x": Item("c")}


def test_a_default_of_none_may_be_sent():
    def f(item: Item = None):
        return item

    assert call(f, None) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "order.items: missing; an Order needs it"),
        ({"items": [], "x": 1}, "order.x: an Order has no such field;"),
        ({"items": [{"name": "a"}, {}]}, "order.items[1].name: missing; an Item needs it"),
        ({"items": {}}, "order.items: a list is needed, not a dict"),
        ({"items": [5]}, "order.items[0]: an Item is built from an object, not an int"),
        ({"items": [], "by_name": {"k": {"name": "", "y": 1}}}, "order.by_name.k.y: an Item has"),
        ({"items": [], "by_name": []}, "order.by_name: an object is needed, not a list"),
        ([], "order: an Order is built from an object, not a list"),
        (None, "order: an Order is built from an object, not null"),
    ],
)
def test_what_does_not_fit_is_named_with_its_path(value, message):
    def f(order: Order):
        return order

    with pytest.raises(BadArgument) as caught:
        call(f, value)
    assert str(caught.value).startswith(message)


def test_tools_whose_annotations_json_knows_have_no_converter():
    def f(a: int, b: list[str], c: Any, d: unknown, *e, **g):  # noqa: F821
        pass

    assert Tool(f, None, False).convert is None


class Color(enum.Enum):
    RED = "red"
    GREEN = 2


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Everything:
    color: Color = Color.RED
    when: datetime.datetime = None
    day: Optional[datetime.date] = None
    at: datetime.time = None
    long: datetime.timedelta = None
    price: decimal.Decimal = None
    key: uuid.UUID = None
    file: pathlib.Path = None
    tags: Set[str] = dataclasses.field(default_factory=set)  # noqa: UP006
    pair: Tuple[int, datetime.date] = None  # noqa: UP006
    days: list[datetime.date] = dataclasses.field(default_factory=list)
    by_name: dict[str, decimal.Decimal] = dataclasses.field(default_factory=dict)
    plain_set: set = dataclasses.field(default_factory=set)
    plain_tuple: tuple = ()
    point: Point = None


UTC = datetime.timezone.utc


@pytest.mark.parametrize(
    ("field", "sent", "made"),
    [
        ("color", "GREEN", Color.GREEN),
        ("color", "red", Color.RED),
        ("color", 2, Color.GREEN),
        ("when", "2026-12-01T03:04:05Z", datetime.datetime(2026, 12, 1, 3, 4, 5, 0, UTC)),
        ("when", "2026-12-01T03:04", datetime.datetime(2026, 12, 1, 3, 4)),
        (
            "when",
            "2026-12-01T03:04:05.5+01:00[Europe/Berlin]",
            datetime.datetime(
                2026, 12, 1, 3, 4, 5, 500_000, datetime.timezone(datetime.timedelta(hours=1))
            ),
        ),
        (
            "when",
            "2026-12-01T03:04:05.123456000Z",
            datetime.datetime(2026, 12, 1, 3, 4, 5, 123_456, UTC),
        ),
        ("day", "2026-12-01", datetime.date(2026, 12, 1)),
        ("day", None, None),
        ("at", "03:04:05.25", datetime.time(3, 4, 5, 250_000)),
        ("long", "PT1H30M", datetime.timedelta(minutes=90)),
        ("long", "P2DT0.5S", datetime.timedelta(days=2, microseconds=500_000)),
        ("long", "PT-1.5S", datetime.timedelta(microseconds=-1_500_000)),
        ("long", "PT-0.5S", datetime.timedelta(microseconds=-500_000)),
        ("long", "PT1H-30M", datetime.timedelta(minutes=30)),
        ("long", "-PT1M", datetime.timedelta(minutes=-1)),
        ("price", decimal.Decimal("1.10"), decimal.Decimal("1.10")),
        ("price", "1.10", decimal.Decimal("1.10")),
        ("price", 0.1, decimal.Decimal("0.1")),
        ("price", 3, decimal.Decimal("3")),
        ("key", "00000000-0000-0000-0000-000000000007", uuid.UUID(int=7)),
        ("file", "a/b", pathlib.Path("a/b")),
        ("tags", ["a", "b", "a"], {"a", "b"}),
        ("pair", [1, "2026-12-01"], (1, datetime.date(2026, 12, 1))),
        ("days", ["2026-12-01"], [datetime.date(2026, 12, 1)]),
        ("by_name", {"a": "1"}, {"a": decimal.Decimal("1")}),
        ("plain_set", [1, 1], {1}),
        ("plain_tuple", [1, [2]], (1, [2])),
        ("point", [1, 2], Point(1, 2)),
    ],
)
def test_fields_become_what_their_annotations_name(field, sent, made):
    def f(everything: Everything):
        return everything

    found = getattr(call(f, {field: sent}), field)
    assert found == made
    assert type(found) is type(made)


@pytest.mark.parametrize(
    ("field", "sent", "message"),
    [
        ("color", "purple", "all.color: 'purple' is no Color; it has RED, GREEN"),
        ("color", [1], "all.color: '[1]' is no Color; it has RED, GREEN"),
        ("when", "yesterday", "all.when: 'yesterday' is no datetime: "),
        ("when", 5, "all.when: a datetime is made from text, not an int"),
        ("when", "2026-12-01T03:04:05.123456789Z", "and these are nanoseconds"),
        ("long", "P1Y", "all.long: 'P1Y' is no timedelta"),
        ("long", "PT", "a duration looks like PT1H30M"),
        ("long", "PT0.000000001S", "and these are nanoseconds"),
        (
            "when",
            "+1000000000-12-31T23:59:59.999999999Z",
            "is no datetime: the year +1000000000 is outside Python's range, 1 to 9999",
        ),
        ("day", "0000-01-01", "the year 0000 is outside Python's range, 1 to 9999"),
        ("day", "-0005-01-01", "the year -0005 is outside Python's range, 1 to 9999"),
        ("at", "-", "all.at: '-' is no time"),
        (
            "long",
            "PT2562047788015215H30M7S",
            "is no timedelta: Python's timedelta holds up to 999999999 days",
        ),
        ("long", "PT-24000000000H", "Python's timedelta holds up to 999999999 days"),
        ("price", "a lot", "all.price: 'a lot' is no Decimal: one looks like 12.5 or 1E+3, "),
        ("price", "1E+9999999999999999999", "with an exponent of up to 18 digits"),
        ("price", True, "all.price: a Decimal is made from text, not a bool"),
        ("key", "7", "all.key: '7' is no UUID"),
        ("tags", "abc", "all.tags: a list is needed, not a str"),
        ("tags", [[1]], "all.tags: no set: "),
        ("pair", [1], "all.pair: a list of 2 is needed, not 1"),
        ("point", [1], "all.point: no Point: "),
        ("day", "soon", "all.day: 'soon' is no date"),
    ],
)
def test_what_is_no_such_thing_is_said_with_its_path(field, sent, message):
    def f(all: Everything):
        return all

    with pytest.raises(BadArgument) as caught:
        call(f, {field: sent})
    assert message in str(caught.value)


def test_parameters_become_such_things_too():
    def f(color: Color, when: Union[datetime.date, str], either: Union[int, datetime.date]):
        return color, when, either

    assert call(f, "RED", "2026-12-01", 5) == (Color.RED, "2026-12-01", 5)
    assert call(f, "RED", "x", "2026-12-01")[2] == datetime.date(2026, 12, 1)
    assert call(f, "RED", "x", "something else")[2] == "something else"
