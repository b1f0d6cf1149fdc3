import sys
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from chaos.errors import DocumentError
from chaos.experiment import load
from chaos.experiment.compose import DEEPEST, MOST_VALUES
from chaos.experiment.source import LARGEST_FILE, parse, read_text
from chaos.experiment.tree import UNPRINTABLE, Mapping, Scalar, Sequence, data, scalar
from tests.unit.experiment.documents import DOCUMENT, FAULTS, problems


def refusal(text: str) -> str:
    """The one line with which a text is refused."""
    with pytest.raises(DocumentError) as caught:
        parse(text, "x.yaml")
    return str(caught.value)


def test_every_key_and_value_knows_its_place() -> None:
    """Lines and columns count from 1, in block and in flow style."""
    root, found = parse("a: 1\nb:\n  - {c: two, d: [3]}\n", "x.yaml")
    assert not found
    assert isinstance(root, Mapping)
    b = root.entries["b"]
    assert (b.place.line, b.place.column) == (2, 1)
    assert isinstance(b.node, Sequence)
    inner = b.node.items[0]
    assert isinstance(inner, Mapping)
    assert (inner.entries["c"].place.line, inner.entries["c"].place.column) == (3, 6)
    assert (inner.entries["c"].node.place.line, inner.entries["c"].node.place.column) == (3, 9)
    assert data(root) == {"a": 1, "b": [{"c": "two", "d": [3]}]}


@pytest.mark.parametrize(
    ("text", "value"),
    [("no", "no"), ("on", "on"), ("010", 10), ("0o10", 8), ("0x1F", 31), ("600_000", 600_000), ("1e3", 1000.0),
     ("1:30", "1:30"), ("2023-05-24", "2023-05-24"), ("~", None), ("null", None), ("true", True), ("0.5", 0.5),
     ("1/1000", "1/1000"), ("-5", -5), ("5s", "5s"), ("1.2.3", "1.2.3"), (".5", 0.5), ("'5'", "5"), ('"true"', "true")],
)  # fmt: skip
def test_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    """`no` is a word, 010 is ten, a date is a text; quotes make texts."""
    root, _ = parse(f"a: {text}", "x.yaml")
    assert data(root) == {"a": value}
    assert isinstance(value, bool) == isinstance(root.entries["a"].node.value, bool)  # type: ignore[union-attr]


@given(st.one_of(st.integers(-(10**12), 10**12), st.floats(allow_nan=False), st.booleans(), st.none()))
def test_scalars_agree_with_ruamel(value: object) -> None:
    """Numbers, truths and nothing are read as ruamel.yaml's own constructor reads them."""
    text = {True: "true", False: "false", None: "null"}.get(value, str(value).replace("inf", ".inf"))  # type: ignore[call-overload]
    assert scalar(text) == YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "x.yaml:1:1: is empty"),
        ("   \n\n", "x.yaml:1:1: is empty"),
        ("# only a remark\n", "x.yaml:1:1: is empty"),
        ("---\n", "x.yaml:1:1: is empty"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2:1: holds a second document"),
        ("a: [1\nb: 2\n", "x.yaml:2:2: is not YAML"),
        ("a:\n\t- b\n", "x.yaml:2:1: is not YAML: a tab"),
        ("a: b: c\n", "x.yaml:1:5: is not YAML"),
        ("expect: >= 0.9\n", 'such as expect: ">= 0.9"'),
        ("a: *b\n", "x.yaml:1:4: the alias *b has no anchor"),
        ("a: &a [*a]\n", "x.yaml:1:8: the alias *a has no anchor"),
        ("%YAML 1.1\n---\na: no\n", "has directives"),
        ("? [a]\n: b\n", "x.yaml:1:3: has a list or a mapping as a key"),
        ("a: \x00\n", "x.yaml:1:4: contains the character U+0000"),
        ("a: 1\nb: \x1b[0m\n", "x.yaml:2:4: contains the character U+001B"),
        ("\udcff: 1\n", "x.yaml:1:1: contains the character U+DCFF"),
        ("[" * 1000, f"is nested too deeply; expected at most {DEEPEST} levels"),
        ("- " * 1000, "is nested too deeply"),
        ("{a: " * 200, "is nested too deeply"),
        ("- a\n" * (MOST_VALUES + 1), f"has too many values; expected at most {MOST_VALUES}"),
    ],
)
def test_what_is_no_document_is_refused_with_its_place(text: str, told: str) -> None:
    """Each kind of text that holds no document is refused in one line, at the place where it goes wrong."""
    line = refusal(text)
    assert told in line
    assert "\n" not in line


def test_exactly_what_yaml_can_print_may_stand_in_a_document() -> None:
    """Every character is allowed that YAML 1.2 calls printable (production 1), and none besides."""
    ranges = ((0x20, 0x7E), (0xA0, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
    printable = {0x09, 0x0A, 0x0D, 0x85}.union(*(range(first, last + 1) for first, last in ranges))
    refused = UNPRINTABLE.findall("".join(map(chr, range(sys.maxunicode + 1))))
    assert {ord(letter) for letter in refused} == set(range(sys.maxunicode + 1)) - printable


def test_a_directive_for_yaml_1_2_changes_nothing() -> None:
    """A document may say that it is YAML 1.2."""
    assert data(parse("%YAML 1.2\n---\na: no\n", "x.yaml")[0]) == {"a": "no"}


def test_repeated_keys_and_tags_are_told_all_at_once() -> None:
    """Two repeated keys and a tag are three problems, each with its place; none of them is executed or lost."""
    _, found = parse("a: 1\nb: {c: 1, c: 2}\na: !!python/object/apply:os.system [ls]\n", "x.yaml")
    assert [(one.line, one.column, one.path) for one in found] == [(2, 11, "b.c"), (3, 4, "a"), (3, 1, "a")]
    assert "the first is in line 1" in found[2].expected


def test_aliases_may_repeat_a_value() -> None:
    """An anchor can be used twice, and each use is a value of its own to whoever changes one."""
    root, found = parse("a: &x {b: 1}\nc: *x\n", "x.yaml")
    assert not found
    assert data(root) == {"a": {"b": 1}, "c": {"b": 1}}


def test_aliases_that_explode_are_refused_at_once() -> None:
    """A few lines that stand for a billion values are refused in no time and no space."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    tracemalloc.start()
    try:
        line = refusal("\n".join(lines))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "has too many values" in line
    assert peak < 10e6


def test_aliases_cannot_nest_deeper_than_a_document_may() -> None:
    """A chain of aliases that is deep only when it is followed is refused like any other depth."""
    lines = ["a0: &a0 [[[[[1]]]]]"] + [f"a{n}: &a{n} [[[[[*a{n - 1}]]]]]" for n in range(1, 200)]
    assert "is nested too deeply" in refusal("\n".join(lines))


SIZE = LARGEST_FILE - 10
HOSTILE = {
    "brackets": "[" * SIZE,
    "braces": "{" * SIZE,
    "list": "- a\n" * (SIZE // 4),
    "flow": "[" + "a," * (SIZE // 2),
    "words": "a: " + "b c " * (SIZE // 4),
    "lines": "a:\n" + "  b c\n" * (SIZE // 6),
    "remarks": "# a\n" * (SIZE // 4),
    "blank lines": "\n" * SIZE,
    "percent": "%a\n" * (SIZE // 3),
    "quotes": '"' + "\\n" * (SIZE // 2) + '"',
    "questions": "? " * (SIZE // 2),
    "documents": "---\n" * (SIZE // 4),
    "anchors": "".join(f"- &a{n} b\n" for n in range(SIZE // 12)),
    "one key again": "a: 1\n" * (SIZE // 5),
    "unknown keys": "".join(f"k{n}: 1\n" for n in range(SIZE // 10)),
    "digits": "a: " + "9" * SIZE,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_text_takes_long(kind: str, tmp_path: Path) -> None:
    """The largest file allowed is answered within seconds, whatever is in it."""
    file = tmp_path / "x.yaml"
    file.write_text(HOSTILE[kind])
    began = time.process_time()
    with pytest.raises(DocumentError):
        load(file, faults=FAULTS)
    assert time.process_time() - began < 2


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """10 MB are refused by their size: no more than the limit is read."""
    file = tmp_path / "large.yaml"
    file.write_bytes(b"a: 1\n" * 2_000_000)
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(DocumentError, match="is too large"):
            load(file, faults=FAULTS)
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 0.5


def test_what_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    """A missing file, a folder, bytes that are no UTF-8, UTF-16 and an impossible name are refused in words."""
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"title: x\nquestion: caf\xe9\n")
    wide = tmp_path / "wide.yaml"
    wide.write_bytes("title: x".encode("utf-16"))
    for path, told in (
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "is a directory"),
        (latin, ":2:14: is not UTF-8 (byte 0xe9)"),
        (wide, ":1:1: is not UTF-8"),
        (Path("a\0b"), "is no file name"),
        (Path("/dev/zero"), "is too large"),
    ):
        with pytest.raises(DocumentError) as caught:
            load(path, faults=FAULTS)
        assert told in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_document(tmp_path: Path) -> None:
    """Editors that put a mark before UTF-8 do no harm."""
    file = tmp_path / "mark.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + DOCUMENT.encode())
    assert read_text(file) == DOCUMENT


@given(st.binary(max_size=200))
@example(b"a: &\n")
@example(b"!<")
@example(b"? : ? -")
@example(b"\xef\xbb\xbf")
def test_any_bytes_are_a_tree_or_a_refusal(raw: bytes) -> None:
    """Whatever bytes are given: a tree, or a DocumentError with a reason."""
    try:
        root, _ = parse(raw.decode("utf-8", "surrogateescape"), "x.yaml")
    except DocumentError as error:
        reasons = [one.message for one in error.problems]
    else:
        reasons = ["it is a tree"]
        assert isinstance(root, Scalar | Sequence | Mapping)
    assert all(reasons)
    assert reasons


YAML_ISH = st.text(alphabet="abc:-?[]{}#&*!|>'\"%@` \t\n,0.~", max_size=60)


@given(YAML_ISH)
def test_any_text_that_looks_like_yaml_is_a_tree_or_a_refusal(text: str) -> None:
    """Whatever indicators follow each other: a tree, or a DocumentError with a place."""
    try:
        parse(text, "x.yaml")
    except DocumentError as error:
        lines = [one.line for one in error.problems]
    else:
        lines = [1]
    assert all(line >= 1 for line in lines)


def test_characters_that_cannot_be_shown_come_in_by_no_escape() -> None:
    """Escapes for control characters, halves of characters and no characters are refused, in printable words."""
    _, found = parse('a: "\\uD800"\n"\\e[31m": "\\0"\n', "x\udcff.yaml")
    assert [(one.line, one.column, one.path) for one in found] == [
        (1, 4, "a"),
        (2, 1, ""),
        (2, 11, "\\x1b[31m"),
    ]
    assert all(str(one).encode("utf-8").startswith(b"x\\udcff.yaml:") for one in found)
    assert "U+D800" in found[0].message
    assert "is not YAML" in refusal('a: "\\UFFFFFFFF"')
    assert str(problems('"a\\nb": 1\n')[0]).startswith("x.yaml:1:1: ")
    assert not any("\n" in str(one) for one in problems('"a\\nb": 1\n'))
    told = [str(one) for one in problems(DOCUMENT, "title=a\udcffb", "\udcff=1")]
    assert len(told) == 2
    assert all(line.encode("utf-8") for line in told)
