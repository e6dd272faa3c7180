"""CommonMark's fences, as both rooms that read them see them."""

from assay.verify.fence import find_fences


def test_fences() -> None:
    fences, is_closed = find_fences("a\n```json\n  {\n```\nb\n~~~\nc\n~~~~")
    assert is_closed
    assert [tuple(each) for each in fences] == [("json", ("  {",), 1, 4), ("", ("c",), 5, 8)]
    assert find_fences("```\na\n``")[1] is False
    assert find_fences("```a`b\nc")[0] == []  # no fence: a backtick in the info
    assert find_fences("    ```\nc\n")[0] == []  # indented code
    assert find_fences("```\n~~~\n```")[0][0].text == "~~~"
    assert find_fences("````\n```\n````")[0][0].text == "```"
    assert find_fences("  ```\n   a\n b\n  ```")[0][0].text == " a\nb"
    assert find_fences("``` JSON \r\n{}\r\n``` \r\n")[0][0].tag == "json"


def test_no_more_than_asked_for() -> None:
    three = "```\na\n```\n" * 3
    assert len(find_fences(three)[0]) == 3
    assert len(find_fences(three, most=2)[0]) == 2
