"""What each site of a test process would compile anew: its templates, and the rules of its URLs."""

from types import CodeType
from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule


class Templates(BytecodeCache):
    """Templates by their source: the environments of all sites have the same options."""

    def __init__(self) -> None:
        self.made: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what was compiled from the same source."""
        bucket.code = self.made.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        assert bucket.code is not None
        self.made[bucket.key, bucket.checksum] = bucket.code


_compile: Any = Rule._compile_builder
_builders: dict[tuple[Any, ...], Any] = {}


def _builder(rule: Rule, append_unknown: bool = True) -> Any:
    """Return the function that makes URLs: it takes the rule, and depends on its text alone."""
    if rule.defaults:
        return _compile(rule, append_unknown)
    key = (rule.rule, rule.host, rule.subdomain, rule.merge_slashes, append_unknown)
    if key not in _builders:
        _builders[key] = _compile(rule, append_unknown)
    return _builders[key]


def once() -> None:
    """Compile each template and each rule once from here on."""
    Flask.jinja_options = {"bytecode_cache": Templates()}
    Rule._compile_builder = _builder  # type: ignore[method-assign]
