# SPDX-License-Identifier: MIT
"""Every interface, method, signal and property on the bus is documented, and every argument."""

import pathlib
import xml.etree.ElementTree as tree

import pytest

XML = pathlib.Path(__file__).resolve().parents[2] / "data/org.example.AIProxy1.xml"


def without_a_comment(text):
    """What no comment stands right before that begins with its name, or tells of each of its arguments."""
    missing = []
    root = tree.fromstring(text, tree.XMLParser(target=tree.TreeBuilder(insert_comments=True)))
    for parent in root.iter():
        comment = ""
        for one in parent:
            if one.tag is tree.Comment:
                comment = one.text.strip()
                continue
            if one.tag in ("interface", "method", "signal", "property"):
                name, _, said = comment.partition(":")
                if name != one.get("name") or not said.strip():
                    missing.append(one.get("name"))
                lines = [line.strip() for line in said.splitlines()]
                missing += [
                    f"{one.get('name')}.{arg.get('name')}"
                    for arg in one.findall("arg")
                    if not any(line.startswith(f"@{arg.get('name')}: ") for line in lines)
                ]
            comment = ""
    return missing


def test_description_is_complete():
    assert without_a_comment(XML.read_text()) == []


@pytest.mark.parametrize("member, missing", [
    ('<!-- A: what it is --><property name="A" type="s" access="read"/>', []),
    ('<property name="A" type="s" access="read"/>', ["A"]),
    ('<!-- A: what it is --><property name="A"/><property name="B"/>', ["B"]),
    ('<!-- B: another --><property name="A"/>', ["A"]),
    ('<!-- A: --><signal name="A"/>', ["A"]),
    ('<!-- A:\n@x: it\nDoes. --><method name="A"><arg name="x" type="s"/><arg name="y" type="s"/></method>', ["A.y"]),
])  # fmt: skip
def test_what_is_missing_is_found(member, missing):
    text = f'<node><!-- I: all of it --><interface name="I">{member}</interface></node>'
    assert without_a_comment(text) == missing
