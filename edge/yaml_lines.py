"""YAML as people mean it: plain values with the line each was written in, and every duplicate key noticed.

Stricter than YAML 1.1: `on`, `yes`, `012` and `1:30` are words; only `true`, `false`, `null` and decimal numbers are
anything else. Anchors, aliases and tags, which can make a small file huge or build objects, are refused.
"""

import re
from dataclasses import dataclass, field

import yaml

from edge.errors import ConfigError

LARGEST_TEXT_BYTES = 64 * 2**10
LARGEST_DEPTH = 20
WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?")
WORDS: dict[str, object] = {"true": True, "false": False, "null": None, "~": None, "": None}

Path = tuple[str | int, ...]


@dataclass(slots=True, kw_only=True)
class Written:
    """What a text says. lines: 1-based, by path from the root. duplicates: (line, key) of each repeated key."""

    data: object = None
    lines: dict[Path, int] = field(default_factory=dict)
    duplicates: list[tuple[int, str]] = field(default_factory=list)


def parse(raw: bytes, *, name: str) -> Written:
    """The values in a YAML text. Raises ConfigError, with `name` and the line, if it is not one plain document."""
    if len(raw) > LARGEST_TEXT_BYTES:
        raise ConfigError(f"{name}: {len(raw)} bytes are more than a configuration may have ({LARGEST_TEXT_BYTES})")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: this is not UTF-8 text; save the file as UTF-8") from error
    try:
        _refuse_cleverness(text, name)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = 1 + int(getattr(error.problem_mark, "line", 0))
        raise ConfigError(f"{name}:{line}: not readable as YAML: {error.problem}") from error
    except yaml.YAMLError as error:  # a control character, for example
        raise ConfigError(f"{name}: not readable as YAML: {str(error).splitlines()[0]}") from error
    if node is None:
        raise ConfigError(f"{name}: the file is empty")
    written = Written()
    written.data = _value(node, (), written)
    return written


def _refuse_cleverness(text: str, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = 1 + int(getattr(event.start_mark, "line", 0))
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ConfigError(f"{name}:{line}: anchors and aliases (&, *) are not used here; write the value out")
        if getattr(event, "tag", None):
            raise ConfigError(f"{name}:{line}: tags (!) are not used here; write the plain value")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > LARGEST_DEPTH:
            raise ConfigError(f"{name}:{line}: nested deeper than {LARGEST_DEPTH} levels")


def _value(node: yaml.Node, path: Path, written: Written) -> object:
    written.lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, written)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, number), written) for number, item in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: Path, written: Written) -> dict[str, object]:
    found: dict[str, object] = {}
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "(a key that is no word)"
        line = key_node.start_mark.line + 1
        if key in found:
            written.duplicates.append((line, ".".join(map(str, (*path, key)))))
            continue
        found[key] = _value(value_node, (*path, key), written)
        written.lines[(*path, key)] = line
    return found


def _scalar(node: yaml.Node) -> object:
    text = str(node.value)
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:  # quoted, or a block of text
        return text
    if text in WORDS:
        return WORDS[text]
    if WHOLE.fullmatch(text):
        return int(text) if len(text) <= 20 else text
    return float(text) if DECIMAL.fullmatch(text) else text
