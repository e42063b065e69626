# docs/upstream.md shows defects that are there: each of its blocks is run.

import re
from pathlib import Path

import jax
import pytest

pytest.importorskip("torch", reason="PyTorch is absent: make test-peers")
pytest.importorskip("keras", reason="Keras is absent: make test-peers")

PAGE = (Path(__file__).parents[2] / "docs" / "upstream.md").read_text()
START, *BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
TITLES = re.findall(r"^\*\*(.*?)\*\*", PAGE, re.DOTALL | re.MULTILINE)
DEFECTS = dict(zip(TITLES, BLOCKS, strict=True))


@pytest.mark.parametrize("title", DEFECTS)
@pytest.mark.filterwarnings("ignore")
def test_a_defect_is_still_there(title):
    assert "assert" in DEFECTS[title]
    with (
        jax.enable_x64(False),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        exec(compile(START + DEFECTS[title], "docs/upstream.md", "exec"), {})
