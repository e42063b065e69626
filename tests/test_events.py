import os
import subprocess
import sys
import textwrap

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from tensorboard import context
from tensorboard.backend.event_processing import (
    data_provider,
    event_accumulator,
    plugin_event_multiplexer,
)
from tensorboard.plugins import base_plugin
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import (
    api_pb2,
    backend_context,
    list_session_groups,
    metadata,
)

from optax_lab.reporting import events

TAGS = ("loss/train", "loss/validation", "accuracy/train", "optimizer/update_norm")
HYPERPARAMETERS = {"optimizer": "adam", "learning_rate": 1e-3, "nesterov": False}


def history(epochs, seed=0):
    values = np.random.default_rng(seed).normal(size=(len(TAGS), epochs))
    return dict(zip(TAGS, values, strict=True))


def read(folder):
    files = event_accumulator.EventAccumulator(
        str(folder), size_guidance={"scalars": 0, "tensors": 0}
    )
    return files.Reload()


def series(files, tag):
    read_back = files.Scalars(tag)
    return [e.step for e in read_back], [e.value for e in read_back]


def end_status(files):
    content = files.PluginTagToContent("hparams")[metadata.SESSION_END_INFO_TAG]
    end = metadata.parse_session_end_info_plugin_data(content)
    return api_pb2.Status.Name(end.status)


# What is written is what is read


@given(
    st.integers(1, 4).flatmap(
        lambda blocks: npst.arrays(
            np.float32,
            (blocks, 3, len(TAGS)),
            elements=st.floats(width=32, allow_subnormal=False),
        )
    )
)
def test_every_value_is_read_back_at_its_epoch(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("tb") / "run"
    with events.open_run(folder, {}, TAGS) as run:
        for i, block in enumerate(values):
            columns = map(jnp.asarray, block.T)
            run.write(dict(zip(TAGS, columns, strict=True)), first_epoch=3 * i)
    files = read(folder)
    assert set(files.Tags()["scalars"]) == set(TAGS)
    for tag, column in zip(TAGS, values.reshape(-1, len(TAGS)).T, strict=True):
        steps, read_back = series(files, tag)
        assert steps == list(range(1, column.size + 1))
        np.testing.assert_array_equal(np.float32(read_back), column)


def test_float64_values_are_stored_as_float32(tmp_path):
    with events.open_run(tmp_path / "run", {}, TAGS) as run:
        run.write(history(20) | {"loss/train": np.full(20, 1e300)})
    read_back = series(read(run.folder), "accuracy/train")[1]
    np.testing.assert_array_equal(read_back, np.float32(history(20)["accuracy/train"]))
    assert np.isinf(series(read(run.folder), "loss/train")[1]).all()


def test_what_was_measured_at_the_end_stands_at_the_last_epoch(tmp_path):
    with events.open_run(tmp_path / "run", {}, TAGS) as run:
        run.write(history(7))
        run.finish({"loss/test": 0.5, "accuracy/test": jnp.float32(0.25)})
    files = read(run.folder)
    assert series(files, "loss/test") == ([7], [0.5])
    assert series(files, "accuracy/test") == ([7], [0.25])


def test_the_epochs_of_a_block_share_the_time_since_the_last(tmp_path):
    with events.open_run(tmp_path / "run", {}, TAGS) as run:
        run._time -= 40
        run.write(history(4))
        run.write(history(1), first_epoch=4)
    times = [e.wall_time for e in read(run.folder).Scalars("loss/train")]
    np.testing.assert_allclose(np.diff(times), [10, 10, 10, 0], atol=2)


def test_text_is_a_card(tmp_path):
    with events.open_run(tmp_path / "run", {}, TAGS) as run:
        run.text("settings", "| a | b |\n|---|---|\n| 1 | ρ |")
    (card,) = read(run.folder).Tensors("settings/text_summary")
    assert card.tensor_proto.string_val[0].decode().endswith("| 1 | ρ |")


@pytest.mark.parametrize(
    "block", [{"a": np.zeros(2), "b": np.zeros(3)}, {"a": np.zeros((2, 2))}]
)
def test_a_history_of_other_shapes_is_refused(tmp_path, block):
    with (
        events.open_run(tmp_path / "run", {}, TAGS) as run,
        pytest.raises(ValueError, match=r"must have one \(epochs,\) in all"),
    ):
        run.write(block)


# The HPARAMS tab


def test_the_hyperparameters_are_in_the_run_s_own_file(tmp_path):
    more = {"seed": np.int32(3), "rate": jnp.float32(0.5), "b": (1, 2), "none": None}
    with events.open_run(tmp_path / "r", HYPERPARAMETERS | more, TAGS, "adam") as run:
        pass
    files = read(run.folder)
    contents = files.PluginTagToContent("hparams")
    assert set(contents) == {
        metadata.SESSION_START_INFO_TAG,
        metadata.SESSION_END_INFO_TAG,
    }
    start = metadata.parse_session_start_info_plugin_data(
        contents[metadata.SESSION_START_INFO_TAG]
    )
    plain = dict(start.hparams)
    assert plain.pop("optimizer").string_value == "adam"
    assert plain.pop("learning_rate").number_value == 1e-3
    assert plain.pop("nesterov").HasField("bool_value")
    assert plain.pop("seed").number_value == 3
    assert plain.pop("rate").number_value == 0.5
    assert plain.pop("b").string_value == "(1, 2)"
    assert not plain
    assert start.group_name == "adam"
    assert 0 < start.start_time_secs <= os.path.getmtime(run.folder) + 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_run_that_diverged_has_failed(tmp_path, bad):
    with events.open_run(tmp_path / "good", {}, TAGS) as good:
        good.write(history(3))
    with events.open_run(tmp_path / "bad", {}, TAGS) as diverged:
        diverged.write(history(3) | {"loss/train": np.array([1.0, bad, 2.0])})
        diverged.write(history(3), first_epoch=3)
    with events.open_run(tmp_path / "end", {}, TAGS) as at_the_end:
        at_the_end.finish({"loss/test": bad})
    assert end_status(read(good.folder)) == "STATUS_SUCCESS"
    assert end_status(read(diverged.folder)) == "STATUS_FAILURE"
    assert end_status(read(at_the_end.folder)) == "STATUS_FAILURE"


def test_a_run_that_is_interrupted_keeps_its_epochs_and_has_failed(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        events.open_run(tmp_path / "run", {}, TAGS) as run,
    ):
        run.write(history(3))
        raise KeyboardInterrupt
    files = read(run.folder)
    assert len(files.Scalars("loss/train")) == 3
    assert end_status(files) == "STATUS_FAILURE"


# What TensorBoard shows


@pytest.fixture
def shown(tmp_path):
    """Four runs as TensorBoard's own backend sees them."""
    for name, rate in (("adam", 1e-3), ("sgd", 0.05)):
        for seed in (0, 1):
            extra = {"momentum": 0.9} if name == "sgd" else {}
            folder = tmp_path / events.folder_name(name, lr=rate, s=seed)
            settings = {"optimizer": name, "learning_rate": rate, **extra}
            with events.open_run(folder, settings, TAGS, group=name) as run:
                run.write(history(5, seed))
                run.finish({"loss/test": float(seed)})
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    return multiplexer.AddRunsFromDirectory(str(tmp_path)).Reload()


def test_there_is_one_run_for_every_setting_with_the_same_tags(shown):
    runs = set(shown.Runs())
    assert runs == {
        *("adam_lr0.001_s0", "adam_lr0.001_s1"),
        *("sgd_lr0.05_s0", "sgd_lr0.05_s1"),
    }
    tags = {frozenset(shown.PluginRunToTagToContent("scalars")[run]) for run in runs}
    assert tags == {frozenset({*TAGS, "loss/test"})}


def test_the_hparams_tab_has_the_union_of_the_columns_and_averages_the_seeds(shown):
    provider = data_provider.MultiplexerDataProvider(shown, "logdir")
    hparams = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    request = context.RequestContext()
    experiment = hparams.experiment_from_metadata(
        request, "", True, hparams.hparams_metadata(request, ""), None
    )
    assert {info.name for info in experiment.hparam_infos} == {
        *("optimizer", "learning_rate", "momentum")
    }
    metrics = {info.name.tag for info in experiment.metric_infos}
    assert metrics == {*TAGS, "loss/test"}
    asked = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=[api_pb2.STATUS_SUCCESS],
        aggregation_type=api_pb2.AGGREGATION_AVG,
        start_index=0,
        slice_size=10,
    )
    groups = list_session_groups.Handler(request, hparams, "", asked).run()
    found = {group.name: group for group in groups.session_groups}
    assert {name: len(group.sessions) for name, group in found.items()} == {
        "adam": 2,
        "sgd": 2,
    }
    (test,) = (m for m in found["sgd"].metric_values if m.name.tag == "loss/test")
    assert test.value == 0.5


def test_one_chart_shows_training_against_the_other_splits(tmp_path):
    tags = [*TAGS, "loss/test", "lossy/test"]
    with events.open_run(tmp_path / "run", {}, tags) as run:
        pass
    (config,) = read(run.folder).Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(config.tensor_proto.string_val[0])
    (category,) = layout.category
    assert {chart.title: list(chart.multiline.tag) for chart in category.chart} == {
        "loss": ["^loss/train$", "^loss/validation$", "^loss/test$"],
        "accuracy": ["^accuracy/train$"],
    }


def test_means_have_a_chart_with_the_band_of_their_interval(tmp_path):
    tag = "reported/loss/train"
    with events.open_run(tmp_path / "run", {}, (), margins=[tag]) as run:
        run.write(
            {tag: np.ones(3), f"{tag}/low": np.zeros(3), f"{tag}/high": np.ones(3)}
        )
    (config,) = read(run.folder).Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(config.tensor_proto.string_val[0])
    (category,) = layout.category
    (chart,) = category.chart
    (series_,) = chart.margin.series
    assert (series_.value, series_.lower, series_.upper) == (
        tag,
        f"{tag}/low",
        f"{tag}/high",
    )
    assert series(read(run.folder), f"{tag}/high") == ([1, 2, 3], [1.0] * 3)


# Files


def test_runs_opened_in_one_second_in_one_place_have_a_folder_each(tmp_path):
    runs = [events.open_run(tmp_path / "tb" / "run", {}, TAGS) for _ in range(12)]
    for i, run in enumerate(runs):
        run.write(history(2, seed=i))
        run.finish()
    folders = [run.folder.name for run in runs]
    assert folders == ["run", *(f"run-{n}" for n in range(2, 13))]
    for i, run in enumerate(runs):
        expected = np.float32(history(2, seed=i)["loss/train"])
        np.testing.assert_array_equal(
            series(read(run.folder), "loss/train")[1], expected
        )
        assert len(list(run.folder.iterdir())) == 1


@pytest.mark.slow
def test_what_was_written_survives_a_process_that_dies(tmp_path):
    script = f"""
        import os
        import numpy as np
        from optax_lab.reporting import events
        run = events.open_run({str(tmp_path / "run")!r}, {{"lr": 1.0}}, ["loss/train"])
        for block in range(200):
            run.write({{"loss/train": np.arange(5.0)}}, first_epoch=5 * block)
        os._exit(9)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == 9
    files = read(tmp_path / "run")
    steps, values = series(files, "loss/train")
    assert steps == list(range(1, 1001))
    assert values == [0.0, 1.0, 2.0, 3.0, 4.0] * 200
    assert metadata.SESSION_END_INFO_TAG not in files.PluginTagToContent("hparams")


def test_a_folder_s_name_says_the_setting_and_is_one_level(tmp_path):
    name = events.folder_name("../my/pkg.optim:mine(b1=.8)", lr=0.001, s=0)
    assert name == "..-my-pkg.optim-mine-b1=.8_lr0.001_s0"


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        events.open_run(tmp_path / "file" / "run", {}, TAGS)
