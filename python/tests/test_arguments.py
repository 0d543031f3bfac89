"""Dataclasses from objects: where the annotation asks for them, and with the path of what does not
fit.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import Annotated, Any, Dict, List, Optional, Sequence, Tuple, Union  # noqa: UP035

import pytest

from terrarium._arguments import BadArgument
from terrarium._tools import Tool


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


def test_tools_without_dataclasses_have_no_converter(monkeypatch):
    def f(a: int, b: list[str], c: Any, d: unknown, *e, **g):  # noqa: F821
        pass

    assert Tool(f, None, False).convert is None
    monkeypatch.delitem(sys.modules, "dataclasses")

    def g(item: Item):
        pass

    assert Tool(g, None, False).convert is None
