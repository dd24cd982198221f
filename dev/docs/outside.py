#!/usr/bin/env python3
"""Preprocessor of mdBook: links of a page to what is not in the book lead to the repository.

In the repository they are relative, so that they work there, at every commit. mdBook hands over a context and the book
as JSON, and takes the book back.
"""

import json
import os
import re
import sys

LINK = re.compile(r"\]\((\.\.?/[^)#\s]+)(#[^)\s]*)?\)")


def rewrite(content: str, page: str, source: str, repository: str) -> str:
    folder = os.path.join(source, os.path.dirname(page))

    def outside(match: re.Match[str]) -> str:
        path = os.path.normpath(os.path.join(folder, match[1]))
        if path == source or path.startswith(source + os.sep):
            return match[0]
        kind = "tree" if os.path.isdir(path) else "blob"
        return f"]({repository}/{kind}/main/{path}{match[2] or ''})"

    return LINK.sub(outside, content)


def walk(items: list, source: str, repository: str) -> None:
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter and chapter.get("path"):
            chapter["content"] = rewrite(chapter["content"], chapter["path"], source, repository)
        if chapter:
            walk(chapter["sub_items"], source, repository)


def main() -> None:
    if sys.argv[1:2] == ["supports"]:
        return
    context, book = json.load(sys.stdin)
    config = context["config"]
    walk(book["items"], config["book"]["src"], config["output"]["html"]["git-repository-url"])
    json.dump(book, sys.stdout)


main()
