"""Codes of diagnoses: each text once, each with its meaning, each given by something."""

from __future__ import annotations

import ast
import importlib
import json
import pickle
import re
import runpy
from collections import Counter
from copy import deepcopy
from pathlib import Path

import pytest

import dcluster_provider
from dcluster_provider.core.diagnosis import CodeTrait, Diagnosis, DiagnosisCode, ProcessCode

PACKAGE = Path(dcluster_provider.__file__).parent
SOURCES = {path: path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}


def enums():
    """Every enum of codes of the package."""
    for path, text in SOURCES.items():
        if "(DiagnosisCode):" in text:
            names = path.relative_to(PACKAGE.parent).with_suffix("").parts
            importlib.import_module(".".join(names))
    return [
        kind for kind in DiagnosisCode.__subclasses__() if kind.__module__.startswith("dcluster_provider.")
    ]


CODES = [code for kind in enums() for code in kind]


def test_each_text_is_used_once():
    assert [text for text, times in Counter(map(str, CODES)).items() if times > 1] == []


@pytest.mark.parametrize("code", CODES, ids=str)
def test_each_code_has_a_meaning_and_is_given(code):
    assert re.fullmatch(r"[A-Z`].+\.", code.meaning, re.IGNORECASE)
    assert DiagnosisCode.read(str(code)) is code
    name = re.compile(rf"\b{type(code).__name__}\.{code.name}\b")
    assert [path for path, text in SOURCES.items() if name.search(text)], "nothing gives it"


def test_the_page_lists_every_code_and_none_besides():
    docs = PACKAGE.parent / "docs"
    tables = runpy.run_path(str(docs / "conf.py"))["with_code_tables"]((docs / "diagnoses.md").read_text())
    listed = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", tables, re.MULTILINE))
    ours = {str(code): code.meaning for code in CODES}
    theirs = {str(code) for code in GridCode}
    assert {code: meaning for code, meaning in listed.items() if code not in theirs} == ours


def test_a_diagnosis_survives_json():
    diagnosis = Diagnosis(ProcessCode.EXIT_CODE, "It ended.", "Read its log.", ("exit code 3",))
    stored = json.loads(json.dumps(diagnosis.as_json()))
    assert stored["code"] == "ExitCode"
    assert Diagnosis.from_json(stored) == diagnosis
    assert Diagnosis.from_json(stored).code is ProcessCode.EXIT_CODE
    assert "[ExitCode]" in diagnosis.render()


@pytest.mark.parametrize("text", ["OfANewerRelease", "Internal Server Error", ""])
def test_a_stored_code_that_no_enum_has_is_kept_as_it_is(text):
    stored = {"code": text, "cause": "It broke.", "remedy": "Mend it.", "evidence": ["a line"]}
    diagnosis = Diagnosis.from_json(stored)
    assert diagnosis.as_json() == stored
    assert f"[{text}]" in diagnosis.render()
    assert diagnosis.code == text
    assert (diagnosis.code.meaning, diagnosis.code.traits) == ("", frozenset())
    assert diagnosis == Diagnosis.from_json(stored)
    for copied in (deepcopy(diagnosis), pickle.loads(pickle.dumps(diagnosis))):
        assert copied == diagnosis


class GridCode(DiagnosisCode):
    """The codes of a platform that a third party ships."""

    JOB_HELD = "GridJobHeld", "An operator of the grid holds the job.", CodeTrait.FROM_OUTSIDE


def test_a_third_party_has_codes_of_its_own():
    diagnosis = Diagnosis(GridCode.JOB_HELD, "It is held.", "Ask the operator.")
    assert Diagnosis.from_json(diagnosis.as_json()).code is GridCode.JOB_HELD
    assert (GridCode.JOB_HELD.is_from_outside, GridCode.JOB_HELD.is_generic) == (True, False)


def test_a_code_is_one_word():
    with pytest.raises(ValueError, match="CamelCase, not 'job held'"):

        class _Spaced(DiagnosisCode):
            JOB_HELD = "job held", "An operator of the grid holds the job."


def compared_texts(tree):
    """Comparisons of a diagnosis' code, or of what it says, with text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(_is_told(it) for it in sides) and any(_is_text(it) for it in sides):
                yield ast.unparse(node)
        if (
            isinstance(node, ast.Attribute)
            and node.attr in {"startswith", "endswith"}
            and _is_told(node.value)
        ):
            yield ast.unparse(node)


def _is_told(node):
    return isinstance(node, ast.Attribute) and node.attr in {"cause", "remedy", "code"}


def _is_text(node):
    if isinstance(node, ast.Set | ast.Tuple | ast.List):
        return any(_is_text(each) for each in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_codes_are_compared_with_codes():
    found = {str(path): list(compared_texts(ast.parse(text))) for path, text in SOURCES.items()}
    assert {path: texts for path, texts in found.items() if texts} == {}
