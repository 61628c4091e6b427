"""A YAML file as plain text values, the line each of them stands on, and what a model has against them.

Every scalar stays the text that was written: pydantic turns it into what a field wants. So an amount is
never a float, a prefix `NO` is not a boolean, and a secret `0123` keeps its zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

Place: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the top, as in `("connections", 0, "erp", "company")`."""
Finding: TypeAlias = tuple[Place, int, str]
"""Where, in which line, and a message that goes on from the field's name."""


@dataclass
class YamlText:
    """`values`: dicts, lists and text; a key without a value is left out, though its line is known."""

    values: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    faults: list[Finding] = field(default_factory=list)

    def line_of(self, place: Place) -> int:
        """Where it stands, or where the nearest thing around it stands; 0 for the whole file."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0)

    def findings(self, error: ValidationError, model: type[BaseModel], at: Place) -> Iterator[Finding]:
        """What `model` said of the values at that place.

        A message holds what was written only of known fields, which are not secret: validators of secrets and
        URLs raise a message of their own.
        """
        for detail in error.errors(include_url=False, include_context=False, include_input=False):
            written, siblings = _walked(model, detail)
            place = (*at, *written)
            yield place, self.line_of(place), _message(detail, place, siblings, self.value_at(place))

    def value_at(self, place: Place) -> Any:
        """None where nothing is written."""
        value = self.values
        for part in place:
            if isinstance(value, dict):
                value = value.get(str(part))
            else:
                value = value[part] if isinstance(value, list) and isinstance(part, int) else None
        return value


def _message(detail: ErrorDetails, place: Place, siblings: dict[str, str], written: Any) -> str:
    """`siblings`: what is expected of the fields beside it."""
    key = str(place[-1])
    expected = siblings.get(key, "")
    if detail["type"] == "extra_forbidden":
        near = get_close_matches(key, siblings, 1)
        return f"is an unknown key; expected {near[0] if near else 'one of ' + ', '.join(siblings)}"
    if detail["type"] in ("missing", "union_tag_not_found"):
        return f"is missing; expected {expected or 'a value'}"
    if detail["type"] == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if detail["type"] in ("model_type", "model_attributes_type"):
        return "expected a mapping of keys"
    stands = (f"is {written!r}; " if written else "is empty; ") if isinstance(written, str) else ""
    wanted = f"expected {expected}" if expected else detail["msg"].replace("Input should be", "expected")
    return stands + wanted


def _expected(field: FieldInfo) -> str:
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    if len(choices) > 1:
        return f"one of {', '.join(choices)}"
    if field.annotation is bool:
        return "true or false"
    return field.description or ", ".join(choices)


def _walked(model: Any, detail: ErrorDetails) -> tuple[Place, dict[str, str]]:
    """Where it was written, and what is expected of each field there.

    pydantic puts into the path which member of a union was meant; that one was told by a key of its own.
    """
    place: Place = ()
    beside: dict[str, FieldInfo] = {}
    for part in detail["loc"]:
        if members := _members(model):
            model = members[str(part)]
        else:
            place = (*place, part)
            beside = dict(getattr(model, "model_fields", {}))  # elements of a list have none
            model = beside[str(part)].annotation if str(part) in beside else None
    siblings = {name: _expected(info) for name, info in beside.items()}
    if detail["type"].startswith("union_tag"):
        place = (*place, "kind")
        siblings = {"kind": " or ".join(_members(model))}
    return place, siblings


def _members(union: Any) -> dict[str, Any]:
    """Models by the kind that each is for."""
    models = [each for each in get_args(union) if "kind" in getattr(each, "model_fields", {})]
    return {get_args(each.model_fields["kind"].annotation)[0]: each for each in models}


def read_yaml(path: Path) -> YamlText:
    """Never raises for what the file holds; these messages quote nothing of it but keys."""
    found = YamlText()
    try:
        node = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
        found.values = _value(node, (), found) if node else None
    except FileNotFoundError:
        found.faults.append(((), 0, "does not exist. Set ST_ERP_CONFIG, or give --env."))
    except OSError as error:
        found.faults.append(((), 0, f"cannot be read: {error.strerror}"))
    except UnicodeDecodeError:
        found.faults.append(((), 0, "is not UTF-8 text"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        found.faults.append(((), line, f"is not YAML: {error.problem}"))
    except yaml.YAMLError:
        found.faults.append(((), 0, "is not YAML: it holds a character that YAML does not allow"))
    except RecursionError:
        found.faults.append(((), 0, "refers to itself through an alias"))
    return found


def _value(node: yaml.Node, place: Place, found: YamlText) -> Any:
    found.lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place, found)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*place, position), found) for position, item in enumerate(node.value)]
    return None if node.tag == "tag:yaml.org,2002:null" else node.value


def _mapping(node: yaml.MappingNode, place: Place, found: YamlText) -> dict[str, Any]:
    values: dict[str, Any] = {}
    seen: dict[str, int] = {}
    merged: list[yaml.Node] = []
    for key, content in node.value:
        line = key.start_mark.line + 1
        if key.tag == "tag:yaml.org,2002:merge":
            merged += content.value if isinstance(content, yaml.SequenceNode) else [content]
        elif not isinstance(key, yaml.ScalarNode):
            found.faults.append((place, line, "expected a word as key"))
        elif key.value in seen:
            message = f"stands twice, first in line {seen[key.value]}"
            found.faults.append(((*place, key.value), line, message))
        else:
            seen[key.value] = line
            found.lines.setdefault((*place, key.value), line)  # a merged part comes later and keeps off
            values[key.value] = _value(content, (*place, key.value), found)
    for part in merged:
        inherited = _value(part, place, found)
        values = (inherited if isinstance(inherited, dict) else {}) | values
    return {key: value for key, value in values.items() if value is not None}
