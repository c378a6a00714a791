"""How shell text is cut into commands and words; where comments, quotes and blocks end."""

from __future__ import annotations

__all__ = [
    "KEYWORDS",
    "SHELLS",
    "blocks_opened",
    "program_name",
    "quote_after",
    "split_commands",
    "without_comment",
    "without_keywords",
]

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox"})
"""Programs that read shell text."""
KEYWORDS = frozenset({"if", "then", "elif", "else", "while", "until", "do", "!", "{", "exec"})
"""What stands before a command."""


def program_name(argument: str) -> str:
    """Return the name of a program without its path."""
    return argument.rpartition("/")[2]


def split_commands(text: str) -> list[list[str]] | None:
    """Split shell text into commands and words, quotes removed; None if it is too odd to read.

    What a substitution runs is read as a command of its own; a ``$`` stays before it, so that
    ``http://app$(x)`` does not become ``http://app``.
    """
    commands: list[list[str]] = [[]]
    word: list[str] | None = None
    quote, escaped, comment = "", False, False
    for letter in text.replace("\\\n", " ").replace("$(", "$\n") + "\n":
        comment = comment and letter != "\n"
        if comment and letter == "@":
            return None  # rather a password with a # in it
        if comment:
            continue
        if not escaped and not quote and (letter.isspace() or letter in ";|&()`<>"):
            if word is not None:
                commands[-1].append("".join(word))
                word = None
            if letter == "\n" or not letter.isspace():
                commands.append([])
        elif not escaped and not quote and word is None and letter == "#":
            comment = True
        elif not escaped and letter == "\\" and quote != "'":
            escaped, word = True, word or []
        elif not escaped and (letter == quote or (not quote and letter in "'\"")):
            quote, word = "" if quote else letter, word or []
        else:
            word = word if word is not None else []
            word.append(letter)
            escaped = False
    return None if quote or escaped else [words for words in commands if words]


def without_keywords(words: list[str]) -> list[str]:
    """Return a command without the keywords before it."""
    start = next((n for n, word in enumerate(words) if word not in KEYWORDS), len(words))
    return words[start:]


def quote_after(line: str, quote: str) -> str:
    """Return the quote that is open after a line; '' for none."""
    escaped, before = False, " "
    for letter in line:
        if escaped:
            escaped = False
        elif letter == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and before.isspace():
            return ""
        before = letter
    return quote


def without_comment(line: str) -> str:
    """Return a line of a script without its comment, that of JavaScript included."""
    if line.lstrip().startswith(("#", "//")):
        return ""
    at = line.find(" #")
    before = line[: max(at, 0)]
    inside_quotes = before.count('"') % 2 or before.count("'") % 2
    return line if at < 0 or inside_quotes else before


def blocks_opened(code: str) -> int:
    """Count the conditional blocks of a shell that a line opens, less those that it closes."""
    words = code.replace(";", " ; ").split()
    opened = words.count("then") + (words[:1] == ["case"])
    return opened - words.count("elif") - words.count("fi") - words.count("esac")
