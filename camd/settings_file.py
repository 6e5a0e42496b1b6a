"""One settings file as nodes that know their lines.

Idea: YAML is only *composed*, never constructed: nothing in a file can name a Python object, and every node keeps
its line. Reading goes on after a fault, so that all of them are told at once.
Rule: the value of a secret is never part of a message. It does not know which settings exist; `camd.config` does.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import yaml

from camd.errors import ConfigError
from camd.settings_kinds import Kind, Scalar, WrongError

T = TypeVar("T")

MAX_FILE = 1_000_000  # bytes; a settings file is a few thousand
_SECRET = re.compile(r"pass(word|wd|phrase)?$|secret|token|api_?key", re.IGNORECASE)


@dataclass(slots=True)
class SettingsFile:
    """What was found in one file: its `faults` as (line, text), and the `lines` on which keys were set."""

    path: Path
    faults: list[tuple[int, str]] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)

    def root(self) -> yaml.Node | None:
        """Return the top node, None for an empty file; raises ConfigError where no node can be had."""
        text = _text(self.path)
        try:
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            raise ConfigError(self._syntax(error)) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise ConfigError(
                f"{self.path}:{line}: yaml: a control character. got U+{error.character:04X}. want text."
            ) from None
        except RecursionError:
            raise ConfigError(f"{self.path}:1: yaml: nested too deeply. want sections with keys.") from None

    def fault(self, line: int, key: str, what: str, got: str, want: str) -> None:
        """Note one fault."""
        self.faults.append((line, f"{self.path}:{line}: {key}: {what}. got {_short(got)}. want {want}."))

    def pairs(
        self, node: yaml.Node | None, prefix: str, known: Iterable[str] | None
    ) -> Iterator[tuple[str, yaml.Node]]:
        """Give the keys of a mapping that are `known` (None: any name), once each, and note what else is there."""
        if node is None or is_empty(node):
            return
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            self.fault(line, prefix.rstrip(".") or "file", "not a group of keys", _what(node), "lines of 'key: value'")
            return
        first: dict[str, int] = {}
        names = None if known is None else list(known)
        for key, value in node.value:
            name, line = key.value if isinstance(key, yaml.ScalarNode) else "", key.start_mark.line + 1
            if name in first:
                self.fault(line, prefix + name, f"set twice, on lines {first[name]} and {line}", "two values", "one")
            elif names is None or name in names:
                first[name] = self.lines[prefix + name] = line
                yield name, value
            else:
                self._unknown(line, prefix, name, names)

    def value(self, kind: Kind[T], key: str, node: yaml.Node, default: T) -> T:
        """Return what stands at `key`, and `default` when nothing does or it is wrong (then a fault is noted)."""
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.ScalarNode):
            self.fault(line, key, "not a single value", _what(node), kind.want)
            return default
        if is_empty(node):
            self.lines.pop(key, None)
            return default
        try:
            return kind.read(Scalar(node.value, node.tag.removeprefix("tag:yaml.org,2002:")))
        except WrongError as error:
            self.fault(line, key, error.what, node.value if error.got is None else error.got, error.want or kind.want)
            return default

    def _unknown(self, line: int, prefix: str, name: str, known: list[str]) -> None:
        key = prefix + (_short(name) or "key")
        if _SECRET.search(name) and "_f" not in name:
            asked = next((k for k in known if k.endswith("_file") and k != "ca_file"), "a key that ends in _file")
            self.fault(
                line, key, "a secret does not belong in this file", "a value that is not shown", f"{asked}: FILE"
            )
            return
        near = get_close_matches(name, known, 1)
        what = f"no such key (did you mean {near[0]}?)" if near else "no such key"
        self.fault(line, key, what, name or "a key that is not a word", "one of " + ", ".join(known))

    def _syntax(self, error: yaml.MarkedYAMLError) -> str:
        mark = error.problem_mark or error.context_mark
        where = f"{self.path}:{mark.line + 1}:{mark.column + 1}" if mark else f"{self.path}:1"
        problem = error.problem or "not YAML"
        if "\\t" in problem:
            return f"{where}: yaml: a tab where spaces belong. got a tab. want spaces."
        # PyYAML quotes words of the file, which may be a secret that begins with * or !.
        problem = re.sub("'[^']{2,}'", "a word", problem)
        return f"{where}: yaml: {problem}. got bad YAML. want lines of 'key: value'."


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise ConfigError(f"{path}:1: file: not there. got no file. want a YAML file.")
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path}:1: file: cannot be read. got {error.strerror}. want a YAML file.") from error
    if len(data) > MAX_FILE:
        raise ConfigError(f"{path}:1: file: too large. got more than {MAX_FILE} bytes. want a YAML file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: file: not UTF-8. got byte 0x{data[error.start]:02x}. want UTF-8.") from None


def is_empty(node: yaml.Node) -> bool:
    """Whether nothing stands at a key, which means its default."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _what(node: yaml.Node) -> str:
    kinds = {yaml.MappingNode: "a group of keys", yaml.SequenceNode: "a list", yaml.ScalarNode: "a single value"}
    return kinds[type(node)]


def _short(text: str) -> str:
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 60 else text[:57] + "..."
