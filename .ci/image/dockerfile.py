"""Reads the subset of Dockerfile and .dockerignore syntax that this repository uses.

Unknown syntax is an error: a step that is skipped silently would prove nothing.
"""

import json
import re
import shlex
from dataclasses import dataclass, field


@dataclass
class Stage:
    """The instructions between one FROM and the next, as (name, flags, arguments)."""

    base: str
    name: str | None
    steps: list = field(default_factory=list)


# Arguments that only BuildKit reads.
BUILDKIT_ARGUMENT = re.compile(r"BUILDKIT_[A-Z_]+=\S+")
KNOWN = {"RUN", "COPY", "WORKDIR", "SHELL", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"}


def stages(text):
    r"""The stages of a Dockerfile.

    >>> build, final = stages('FROM rust AS build\n# why\nRUN one; \\\n  # inside\n  two\nFROM scratch\nCOPY --from=build /a /\n')
    >>> build.base, build.name, build.steps
    ('rust', 'build', [('RUN', {}, 'one;   two')])
    >>> final.steps
    [('COPY', {'from': 'build'}, '/a /')]
    >>> stages('FROM a\nARG TOKEN')
    Traceback (most recent call last):
        ...
    ValueError: ARG is not allowed: Render passes each variable of the service to the build, so a layer could contain a secret
    """
    found = []
    for line in _logical_lines(text):
        name, _, rest = line.partition(" ")
        name, rest = name.upper(), rest.strip()
        if name == "FROM":
            base, _, alias = re.sub(r"\s+as\s+", " AS ", rest, flags=re.I).partition(" AS ")
            found.append(Stage(base.strip(), alias.strip() or None))
            continue
        if name == "ARG" and BUILDKIT_ARGUMENT.fullmatch(rest):
            continue
        if name == "ARG":
            raise ValueError("ARG is not allowed: Render passes each variable of the service to the build, so a layer could contain a secret")
        if name not in KNOWN or not found:
            raise ValueError(f"unknown instruction: {line}")
        flags = {}
        while match := re.match(r"--([a-z]+)=(\S+)\s+", rest):
            flags[match[1]] = match[2]
            rest = rest[match.end():]
        if rest.startswith("--") or (name in {"RUN", "COPY"} and "<<" in rest):
            raise ValueError(f"unsupported form: {line}")
        found[-1].steps.append((name, flags, rest))
    return found


def _logical_lines(text):
    pending = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        if line.rstrip().endswith("\\"):
            pending += line.rstrip()[:-1]
        elif (pending + line).strip():
            yield (pending + line).strip()
            pending = ""


def parse_arguments(arguments):
    """An argument list, in the JSON form or separated by spaces.

    >>> parse_arguments('["/doorbell", "serve"]'), parse_arguments('a b')
    (['/doorbell', 'serve'], ['a', 'b'])
    """
    return json.loads(arguments) if arguments.startswith("[") else shlex.split(arguments)


def exec_form(name, arguments):
    """The arguments of ENTRYPOINT or CMD, which must have the JSON form: a shell would not pass signals on."""
    if not arguments.startswith("["):
        raise ValueError(f"{name} must have the exec form, [\"…\"]: a shell does not pass signals on")
    return json.loads(arguments)


class Ignore:
    """The rules of a .dockerignore: the last pattern that matches a path or one of its parent folders decides.

    >>> rules = Ignore('# why\\n*\\n!src\\n!Cargo.*\\nsrc/**/*.tmp\\n')
    >>> [path for path in ('Cargo.toml', 'src/a/b.rs', 'src/a/b.tmp', 'src.rs', 'benches/a.rs') if rules.allows(path)]
    ['Cargo.toml', 'src/a/b.rs']
    >>> Ignore('a/*.rs\\n/b/').allows('a/c/d.rs'), Ignore('/b/').allows('b/c')
    (True, False)
    """

    def __init__(self, text):
        self.patterns = []
        for line in text.splitlines():
            line = line.strip()
            if line and not line.startswith("#"):
                negated = line.startswith("!")
                self.patterns.append((negated, _regex(line.removeprefix("!").strip().strip("/"))))

    def allows(self, path):
        parts = path.split("/")
        candidates = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        through = True
        for negated, regex in self.patterns:
            if any(regex.fullmatch(candidate) for candidate in candidates):
                through = negated
        return through


def _regex(pattern):
    regex, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            regex, at = regex + "(?:.*/)?", at + 3
        elif pattern.startswith("**", at):
            regex, at = regex + ".*", at + 2
        elif pattern[at] == "[":
            raise ValueError(f"unsupported pattern in .dockerignore: {pattern}")
        else:
            regex += {"*": "[^/]*", "?": "[^/]"}.get(pattern[at], re.escape(pattern[at]))
            at += 1
    return re.compile(regex)


if __name__ == "__main__":
    import doctest

    raise SystemExit(doctest.testmod().failed != 0)
