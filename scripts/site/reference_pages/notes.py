"""What the source says of each field of a class: its comments, or a paragraph of the docstring."""

import ast
import inspect
import io
import re
import tokenize
from textwrap import dedent


def field_notes(kind: type) -> dict[str, str]:
    """What is said of the fields that a class itself defines, by name; "" where nothing is.

    A comment counts that ends a line of the field or stands directly above it, else a paragraph
    `name: text` of the docstring.
    """
    source = dedent(inspect.getsource(kind))
    (tree,) = ast.parse(source).body
    assert isinstance(tree, ast.ClassDef)
    comments = _comments(source)
    paragraphs = _paragraphs(inspect.getdoc(kind) or "")
    notes = {}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            notes[name] = _comment_of(node, comments) or paragraphs.get(name, "")
    return notes


def _comment_of(node: ast.AnnAssign, comments: dict[int, tuple[bool, str]]) -> str:
    above: list[str] = []
    line = node.lineno - 1
    while line in comments and comments[line][0]:
        above.insert(0, comments[line][1])
        line -= 1
    last = node.end_lineno or node.lineno
    own = [comments[n][1] for n in range(node.lineno, last + 1) if n in comments]
    return " ".join([*above, *own])


def _comments(source: str) -> dict[int, tuple[bool, str]]:
    """By line: whether the comment has it for itself, and its text."""
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            alone = not token.line[: token.start[1]].strip()
            found[token.start[0]] = (alone, token.string.lstrip("# ").strip())
    return found


def _paragraphs(docstring: str) -> dict[str, str]:
    """Paragraphs `name: text` of a docstring, whose further lines are indented or not."""
    found: dict[str, str] = {}
    name = ""
    for line in docstring.splitlines():
        start = re.match(r"([a-z_]+): (.+)", line)
        if start:
            name = start[1]
            found[name] = start[2]
        elif name and line.strip():
            found[name] += " " + line.strip()
        else:
            name = ""
    return found
