# The benchmarks that need PyTorch or Keras, tried where these are installed.

import pytest

from tests import test_benchmarks as tries

WITH_PEERS = [
    path
    for path in tries.SCRIPTS
    if '"torch"' in path.read_text() or "bench.peer(" in path.read_text()
]


def test_benchmarks_with_peers_are_found():
    assert {"lab_loop", "precision", "sweep"} <= {path.stem for path in WITH_PEERS}


@pytest.mark.parametrize("path", WITH_PEERS, ids=lambda path: path.stem)
def test_a_try_beside_its_peers_writes_what_it_found(path, tmp_path):
    done = tries.run(path, "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    tries.is_whole(path, tmp_path, done)
