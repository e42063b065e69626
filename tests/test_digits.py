# ruff: noqa: NPY002  (the global generator is what these tests are about)
import contextlib
import hashlib
import random
import subprocess
import sys

import mnist1d
import mnist1d.data
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optax_lab.problems import digits

# facts that any copy of the frozen set must show
TRAIN_COUNTS = [398, 396, 411, 394, 394, 402, 401, 404, 402, 398]
TEST_COUNTS = [102, 104, 89, 106, 106, 98, 99, 96, 98, 102]
TRAIN_LABELS = "d97dc7aecec8ad6b"
TEST_LABELS = "8de99be3ff9dab15"

SEEDS = st.integers(0, 2**32 - 1).filter(lambda seed: seed != digits.FROZEN_SEED)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Gives every test an empty cache."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("OPTAX_LAB_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPTAX_LAB_CACHE", str(tmp_path_factory.mktemp("cache")))
        return digits.frozen()


@pytest.fixture
def no_making(monkeypatch):
    """Makes it an error to generate anything from here on."""

    def refuse(*args):
        raise AssertionError("the data were made, not read")

    def forbid():
        monkeypatch.setattr(mnist1d, "transform", refuse)
        monkeypatch.setattr(mnist1d.data, "make_dataset", refuse)

    return forbid


def labels_hash(split):
    return hashlib.sha256(split.labels.astype(np.int64).tobytes()).hexdigest()[:16]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@contextlib.contextmanager
def restored():
    """Lets a test use the global generators, which is rude otherwise."""
    kept = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        np.random.set_state(kept[0])
        random.setstate(kept[1])


def global_state():
    _, key, *rest = np.random.get_state()
    return random.getstate(), key.tobytes(), rest


def test_the_frozen_set_has_the_published_labels(frozen):
    train, test = frozen
    assert np.bincount(train.labels).tolist() == TRAIN_COUNTS
    assert np.bincount(test.labels).tolist() == TEST_COUNTS
    assert (labels_hash(train), labels_hash(test)) == (TRAIN_LABELS, TEST_LABELS)


@pytest.mark.slow
def test_the_frozen_set_is_what_mnist1d_makes(frozen):
    with restored():
        published = mnist1d.data.make_dataset(mnist1d.get_dataset_args())
    for split, suffix in zip(frozen, ("", "_test"), strict=True):
        expected = published[f"x{suffix}"].astype(np.float32)
        np.testing.assert_array_max_ulp(split.inputs, expected, maxulp=1)
        np.testing.assert_array_equal(split.labels, published[f"y{suffix}"])


def test_the_frozen_set_has_its_first_and_last_rows(frozen):
    train, test = frozen
    first = [-0.33200567, -0.47191037, -0.77869708, -1.00974083, -0.88235257]
    last = [-0.09864609, 0.44723289, 0.65987565, 0.87773435, 1.19315184]
    np.testing.assert_allclose(train.inputs[0, :5], first, rtol=1e-6)
    np.testing.assert_allclose(test.inputs[-1, -5:], last, rtol=1e-6)


def test_the_frozen_set_is_standardised(frozen):
    inputs = np.concatenate([split.inputs for split in frozen]).astype(np.float64)
    assert abs(inputs.mean()) < 1e-7
    assert abs(inputs.std() - 1) < 1e-7


def test_mnist1d_still_has_the_settings_of_the_frozen_set():
    settings = mnist1d.get_dataset_args(as_dict=True)
    settings.pop("url")
    assert settings == {
        "num_samples": 5000,
        "train_split": 0.8,
        "template_len": 12,
        "padding": [36, 60],
        "scale_coeff": 0.4,
        "max_translation": 48,
        "corr_noise_scale": 0.25,
        "iid_noise_scale": 2e-2,
        "shear_scale": 0.75,
        "shuffle_seq": False,
        "final_seq_length": 40,
        "seed": 42,
    }


def test_a_fresh_set_is_standardised_as_the_frozen_one_and_not_by_itself():
    split = digits.fresh(1000, seed=43)
    raw = split.inputs.astype(np.float64) * digits.SCALE + digits.MEAN
    # measured on mnist1d's signals of this seed, before any standardisation
    assert raw.mean() == pytest.approx(-0.006847227747091276, rel=1e-6)
    assert raw.std() == pytest.approx(0.15544916733168604, rel=1e-6)
    assert abs(split.inputs.mean()) > 5e-3


def test_a_fresh_set_is_mnist1ds_up_to_the_standardisation():
    settings = mnist1d.get_dataset_args()
    settings.num_samples, settings.seed = 200, 7
    with restored():
        theirs = mnist1d.data.make_dataset(settings)
    ours = digits.fresh(200, seed=7)
    expected = np.concatenate([theirs["x"], theirs["x_test"]])
    centred = ours.inputs.astype(np.float64) - ours.inputs.mean(dtype=np.float64)
    np.testing.assert_allclose(centred / centred.std(), expected, atol=1e-6)
    np.testing.assert_array_equal(ours.labels[:160], theirs["y"])


@given(st.integers(1, 45), SEEDS)
def test_a_fresh_set_has_any_size_and_every_digit_evenly(n, seed):
    split = digits.fresh(n, seed=seed)
    assert split.inputs.shape == (n, 40)
    assert split.labels.shape == (n,)
    assert (split.inputs.dtype, split.labels.dtype) == (np.float32, np.int32)
    assert np.isfinite(split.inputs).all()
    counts = np.bincount(split.labels, minlength=10)
    assert len(counts) == 10
    assert counts.max() <= -(-n // 10)


@given(st.lists(SEEDS, min_size=2, max_size=2, unique=True))
def test_sets_of_different_seeds_share_no_example(frozen, seeds):
    splits = [*frozen, *(digits.fresh(20, seed=seed) for seed in seeds)]
    rows = np.concatenate([split.inputs for split in splits])
    assert len(np.unique(rows, axis=0)) == 5040


def test_the_same_seed_gives_the_same_set(monkeypatch, tmp_path):
    first = digits.fresh(30, seed=3)
    monkeypatch.setenv("OPTAX_LAB_CACHE", str(tmp_path / "another"))
    assert same(digits.fresh(30, seed=3), first)


@pytest.mark.parametrize(
    ("n", "seed", "message"),
    [
        (0, 43, "n is 0: it must be at least 1"),
        (-5, 43, "n is -5: it must be at least 1"),
        (10, -1, "seed is -1: it must be in"),
        (10, 2**32, "seed is 4294967296: it must be in"),
        (10, 42, "seed 42 made the frozen set: take another one"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_written(cache, n, seed, message):
    with pytest.raises(ValueError, match=message):
        digits.fresh(n, seed=seed)
    assert not cache.exists()


@given(st.integers(0, 2**32 - 1), SEEDS)
def test_global_random_state_is_untouched(global_seed, seed):
    with restored():
        np.random.seed(global_seed)
        random.seed(global_seed)
        before = global_state()
        digits.fresh(10, seed=seed)
        assert global_state() == before
        assert random.random() == random.Random(global_seed).random()
        assert np.random.rand() == np.random.RandomState(global_seed).rand()


def test_global_random_state_is_untouched_by_an_error(monkeypatch, cache):
    calls = []

    def fail(*args):
        np.random.rand()
        calls.append(args)
        raise RuntimeError("in the middle")

    monkeypatch.setattr(mnist1d, "transform", fail)
    before = global_state()
    with pytest.raises(RuntimeError, match="in the middle"):
        digits.fresh(10, seed=5)
    assert calls
    assert global_state() == before
    assert not cache.exists()


def test_the_second_load_is_read_from_the_cache(no_making):
    first, frozen = digits.fresh(20, seed=43), digits.frozen()
    no_making()
    assert same(digits.fresh(20, seed=43), first)
    for again, split in zip(digits.frozen(), frozen, strict=True):
        assert same(again, split)
    with pytest.raises(AssertionError, match="made, not read"):
        digits.fresh(20, seed=44)


@pytest.mark.slow
def test_a_cached_set_is_read_without_importing_mnist1d():
    digits.fresh(20, seed=43)
    code = """
import sys
from optax_lab.problems import digits
digits.fresh(20, seed=43)
assert "mnist1d" not in sys.modules, "the cached set"
assert "matplotlib" not in sys.modules, "the cached set"
digits.fresh(20, seed=44)
assert "mnist1d" in sys.modules, "a new set"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_cache_holds_no_pickle_and_nothing_but_the_set(cache):
    digits.fresh(20, seed=43)
    (path,) = cache.iterdir()
    with np.load(path, allow_pickle=False) as file:
        assert set(file.files) == {"inputs", "labels", "checksum"}


def cut(data):
    return data[: len(data) // 2]


def flip(data):
    middle = len(data) // 3
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize(
    "damage", [cut, flip, lambda data: b"", lambda data: b"not a zip file at all"]
)
def test_a_damaged_cache_is_made_again_and_said(cache, no_making, damage):
    split = digits.fresh(20, seed=43)
    (path,) = cache.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(
        digits.CacheWarning, match="damaged .* and is made again"
    ) as caught:
        assert same(digits.fresh(20, seed=43), split)
    assert str(path) in str(caught[0].message)
    no_making()
    assert same(digits.fresh(20, seed=43), split)  # and without a warning


def test_a_cache_that_holds_another_set_is_damaged(cache):
    digits.fresh(20, seed=43)
    (path,) = cache.iterdir()
    other = path.with_name(path.name.replace("seed43", "seed44"))
    path.rename(other)
    with pytest.warns(digits.CacheWarning, match="seed44.* is damaged"):
        split = digits.fresh(20, seed=44)
    assert not same(split, digits.fresh(20, seed=43))


def test_a_pickle_in_the_cache_is_never_executed(cache, monkeypatch):
    class Bomb:
        def __reduce__(self):
            return (sys.exit, (1,))

    split = digits.fresh(20, seed=43)
    (path,) = cache.iterdir()
    bomb = np.array([Bomb()], dtype=object)
    np.savez(path, inputs=bomb, labels=bomb, checksum="", allow_pickle=True)
    with pytest.warns(digits.CacheWarning, match="damaged"):
        assert same(digits.fresh(20, seed=43), split)


def test_a_folder_that_cannot_be_written_is_not_fatal(cache):
    cache.write_text("a file where the folder should be")
    with pytest.warns(digits.CacheWarning, match="not cached"):
        split = digits.fresh(20, seed=43)
    assert split.inputs.shape == (20, 40)
    assert cache.read_text() == "a file where the folder should be"


def test_a_full_disk_leaves_no_half_file(cache, monkeypatch):
    def fill(path, **arrays):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", fill)
    with pytest.warns(digits.CacheWarning, match="not cached: No space left"):
        digits.fresh(20, seed=43)
    assert list(cache.iterdir()) == []


def test_without_a_chosen_folder_the_users_cache_is_used(monkeypatch):
    monkeypatch.delenv("OPTAX_LAB_CACHE")
    assert digits.folder().name == "optax_lab"
    assert digits.folder().is_absolute()


def test_nothing_is_printed_or_written_elsewhere(monkeypatch, tmp_path, capfd):
    monkeypatch.chdir(tmp_path)
    digits.fresh(20, seed=43)
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
