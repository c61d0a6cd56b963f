"""The fenced blocks of README.md and docs/, and what their pages say about running them.

A comment on the line before a fence says how a block is treated:

    <!-- not run: WHY -->     it is checked only (options, paths, keys)
    <!-- slow: WHY -->        the same, and it runs with the slow tests
    <!-- toml: KIND -->       which keys it may have: those of a campaign, a training or a card

A fence with title="NAME" is a file of that name, for the blocks after it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r'^( *)```(\w*)(?: title="([^"]+)")?\s*$')
MARK = re.compile(r"^\s*<!-- (not run|slow|toml): (.+?) -->\s*$")
RUN = ("bash", "python", "lammps")
OTHER = ("text", "cif", "toml")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: Path
    line: int  # of its fence, from 1
    language: str
    text: str
    marks: dict[str, str]  # what the comments before it say
    file: str = ""  # its name, where it is a file

    @property
    def where(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page in order. Raises ValueError for a fence that is not closed."""
    blocks: list[Block] = []
    marks: dict[str, str] = {}
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), start=1))
    for number, line in lines:
        mark, fence = MARK.match(line), FENCE.match(line)
        if mark:
            marks[mark[1]] = mark[2]
        elif fence:
            text = _until_closed(lines, fence[1], f"{page}:{number}")
            blocks.append(Block(page, number, fence[2], text, marks, fence[3] or ""))
            marks = {}
        elif line.strip():
            marks = {}
    return blocks


def _until_closed(lines, indent: str, where: str) -> str:
    inside = []
    for _, line in lines:
        if line.strip() == "```":
            return "\n".join(inside) + "\n"
        inside.append(line.removeprefix(indent))
    raise ValueError(f"{where}: the fence is not closed")


def commands(text: str) -> list[list[str]]:
    """The commands of a bash block as words: comments off, lines joined, pipes and && split."""
    import shlex

    found = []
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;()<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word and set(word) <= set("&|;()"):
                if words:
                    found.append(words)
                words = []
            else:
                words.append(word)
    return found
