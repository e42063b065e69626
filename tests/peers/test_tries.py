# The benchmarks that need PyTorch or Keras, tried where these are installed.

import pytest

from tests import test_benchmarks as tries


def test_benchmarks_with_peers_are_found():
    found = {path.stem for path in tries.WITH_PEERS}
    assert {"lab_loop", "precision", "sweep"} <= found


@pytest.mark.parametrize("path", tries.WITH_PEERS, ids=lambda path: path.stem)
def test_a_try_beside_its_peers_writes_what_it_found(path, tmp_path):
    done = tries.run(path, "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    tries.is_whole(path, tmp_path, done)
