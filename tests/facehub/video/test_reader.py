"""Videos, in and out: what may be opened, how it is turned, when it is shown, and what comes along."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from facehub.errors import BadVideo
from facehub.video.container import looks_like_video
from facehub.video.reader import Reader
from facehub.video.writer import Writer
from tests import clips

SIZE = (96, 128)


@pytest.fixture
def frames() -> list[torch.Tensor]:
    """Four quarters of different colours, and a bar that moves."""
    made = []
    for index in range(12):
        picture = torch.zeros(3, *SIZE, dtype=torch.uint8)
        picture[0, :48, :64], picture[1, :48, 64:], picture[2, 48:, :64], picture[:, 48:, 64:] = (
            200,
            200,
            200,
            180,
        )
        picture[:, 70:80, 8 * index : 8 * index + 8] = 90
        made.append(picture)
    return made


def copied(source, target, *, whole: bool = True) -> Writer:
    """The film written anew, unchanged."""
    with Reader(source) as reader:
        writer = None
        for shot in reader:
            writer = writer or Writer(target, reader.info, shot.colour_codes)
            writer.add(shot.photo, shot.pts)
        assert writer is not None
        writer.close(whole=whole and not reader.cut_off)
    return writer


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mov", "libx264"),
        ("a.mkv", "libx265"),
        ("a.avi", "mpeg4"),
        ("a.webm", "libvpx"),
        ("a.ts", "libx264"),
        ("a.gif", "gif"),
    ],
)
def test_any_container_is_read(tmp_path, frames, name, codec):
    with Reader(clips.write(tmp_path / name, frames, codec=codec)) as reader:
        shots = list(reader)
        assert (reader.info.height, reader.info.width) == SIZE
        assert len(shots) == len(frames)
        assert not reader.cut_off and not reader.damaged
        seconds = [shot.seconds(reader.info) - shots[0].seconds(reader.info) for shot in shots]
    assert seconds == pytest.approx([index / 25 for index in range(12)], abs=0.011)
    assert (shots[3].photo[:, 20, 20].int() - torch.tensor([200, 0, 0])).abs().max() < 40


def test_keyframes_are_told(tmp_path, frames):
    with Reader(clips.write(tmp_path / "film.mp4", frames)) as reader:
        told = [shot.keyframe for shot in reader]
    assert told == [True] + [False] * (len(frames) - 1)


@pytest.mark.parametrize(
    ("turned", "mirrored"), [(0, False), (90, False), (180, False), (-90, False), (0, True), (90, True)]
)
def test_flags_are_carried_out(tmp_path, frames, turned, mirrored):
    file = clips.write(tmp_path / "turned.mp4", frames, turned=turned, mirrored=mirrored)
    stored = clips.read(file)[0][0]
    with Reader(file) as reader:
        shown = next(iter(reader)).photo.permute(1, 2, 0).numpy()
        assert (reader.info.height, reader.info.width) == shown.shape[:2]
    expected = np.rot90(stored, turned // 90)
    expected = expected[:, ::-1] if mirrored else expected
    assert np.abs(shown.astype(int) - expected).mean() < 4
    if turned or mirrored:
        assert shown.shape != stored.shape or np.abs(shown.astype(int) - stored).mean() > 20


def test_what_is_written_stands_upright_without_a_flag(tmp_path, frames):
    copied(clips.write(tmp_path / "turned.mp4", frames, turned=90), tmp_path / "out.mp4")
    stored = clips.read(tmp_path / "out.mp4")[0][0]
    assert stored.shape == (128, 96, 3)
    with Reader(tmp_path / "out.mp4") as reader:
        assert np.abs(next(iter(reader)).photo.permute(1, 2, 0).numpy().astype(int) - stored).mean() < 4


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_uneven_times_are_kept(tmp_path, frames, suffix):
    times = [0, 1, 2, 50, 51, 53, 90, 91, 97, 200, 201, 260]
    source = clips.write(tmp_path / "vfr.mp4", frames, times=times, time_base=Fraction(1, 600))
    copied(source, tmp_path / f"out{suffix}")
    wanted, got = clips.read(source)[1], clips.read(tmp_path / f"out{suffix}")[1]
    assert wanted == [Fraction(time, 600) for time in times]
    if suffix == ".mkv":  # which counts in milliseconds
        assert [float(time - got[0]) for time in got] == pytest.approx(
            [float(time) for time in wanted], abs=0.0011
        )
    else:
        assert got == wanted


def test_a_clock_that_begins_late_is_set_back(tmp_path, frames):
    source = clips.write(tmp_path / "late.mp4", frames, times=range(100, 112))
    copied(clips.write(tmp_path / "late.ts", frames, times=range(100, 112)), tmp_path / "out.mp4")
    assert clips.read(source)[1][0] == 4
    assert clips.read(tmp_path / "out.mp4")[1][0] < Fraction(1, 10)


def test_colours_stay(tmp_path, astronaut):
    source = clips.write(tmp_path / "in.mp4", [astronaut] * 3)
    copied(source, tmp_path / "out.mp4")
    before, after = (np.stack(clips.read(file)[0]).astype(int) for file in (source, tmp_path / "out.mp4"))
    assert np.abs((after - before).mean((0, 1, 2))).max() < 0.3, "FFmpeg's quick way is one level off"
    assert np.abs(after - before).mean() < 2


def test_sound_is_copied_packet_by_packet(tmp_path, frames):
    source = clips.write(tmp_path / "in.mp4", frames, sound="aac")
    writer = copied(source, tmp_path / "out.mov")
    assert writer.dropped_sound == {}
    assert clips.packets(tmp_path / "out.mov") == clips.packets(source) != []


def test_sound_out_of_a_broadcast_is_copied(tmp_path, frames):
    source = clips.write(tmp_path / "in.ts", frames, sound="aac")
    copied(source, tmp_path / "out.mp4")
    bare = [packet[7:] for packet in clips.packets(source)]  # without the header that each has in a broadcast
    assert clips.packets(tmp_path / "out.mp4") == bare != []


def test_sound_that_a_container_cannot_hold_is_told(tmp_path, frames):
    source = clips.write(tmp_path / "in.mov", frames, sound="pcm_mulaw")
    assert copied(source, tmp_path / "out.mp4").dropped_sound == {"pcm_mulaw": [".mov"]}
    assert copied(source, tmp_path / "out.mov").dropped_sound == {}
    assert b"".join(clips.packets(tmp_path / "out.mov")) == b"".join(clips.packets(source)) != b""


def test_nothing_else_comes_along(tmp_path, frames):
    private = {
        "title": "Zoë at home",
        "location": "+48.8577+002.295/",
        "comment": "serial 12345678",
        "creation_time": "2019-05-01T10:00:00Z",
    }
    source = clips.write(tmp_path / "in.mp4", frames, sound="aac", metadata=private)
    assert all(value in source.read_bytes() for value in (b"loci", b"12345678"))
    for suffix in (".mp4", ".mkv"):
        copied(source, tmp_path / f"out{suffix}")
        file = (tmp_path / f"out{suffix}").read_bytes()
        assert not [
            value
            for value in ("at home", "loci", "+48.8577", "12345678", "2019-05")
            if value.encode() in file
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_file_that_was_cut_off_gives_what_is_whole(tmp_path, frames, suffix):
    noisy = [
        clips.frame(picture, clips.motion((0, 0), about=(0, 0)), SIZE, noise=30, seed=index)
        for index, picture in enumerate(frames * 6)
    ]
    whole = clips.write(
        tmp_path / f"whole{suffix}", noisy, options={"movflags": "+faststart"} if suffix == ".mp4" else None
    )
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with Reader(cut) as reader:
        shots = list(reader)
        assert reader.cut_off
    assert 20 < len(shots) < 60
    expected = clips.read(whole)[0][len(shots) // 2]
    assert np.abs(shots[len(shots) // 2].photo.permute(1, 2, 0).numpy().astype(int) - expected).mean() < 4


def test_what_is_no_video_is_a_sentence(tmp_path, frames, examples):
    (tmp_path / "note.mp4").write_text("no video at all")
    (tmp_path / "empty.mp4").touch()
    whole = clips.write(tmp_path / "whole.mp4", frames)
    (tmp_path / "headless.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    secret = clips.write(tmp_path / "secret.ts", frames)
    (tmp_path / "list.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n"
    )
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile {secret}\n")
    told = {
        "note.mp4": "not a video", "empty.mp4": "is empty", "missing.mp4": "does not exist",
        ".": "is a folder", "headless.mp4": "cut off",
        "list.m3u8": "not a video", "list.mp4": "not a video",
    }  # fmt: skip
    for name, words in told.items():
        with pytest.raises(BadVideo, match=words):
            Reader(tmp_path / name)
    with pytest.raises(BadVideo, match="not a video"):
        Reader(examples / "astronaut.png")


def test_absurd_sizes_and_lengths_are_sentences(tmp_path, frames):
    small = clips.write(tmp_path / "small.mp4", [picture[:, :32, :32] for picture in frames])
    with pytest.raises(BadVideo, match="32 x 32 pixels, but each side must be at least 64"):
        Reader(small)
    film = clips.write(tmp_path / "film.mp4", frames)
    with pytest.raises(BadVideo, match="at most 0.01 megapixels"):
        Reader(film, max_megapixels=0.01)
    long = clips.write(tmp_path / "long.mp4", frames, times=[1000 * index for index in range(12)])
    with pytest.raises(BadVideo, match="440 seconds long, but at most 60"):
        Reader(long, max_seconds=60.0)
    silent = clips.write(tmp_path / "long.ts", frames, times=[1000 * index for index in range(12)])
    with pytest.raises(BadVideo, match="at most 60 seconds"), Reader(silent, max_seconds=60.0) as reader:
        reader.info.seconds  # noqa: B018 -- whether or not its header tells
        list(reader)


def test_sound_alone_is_a_sentence(tmp_path, frames):
    import av

    file = clips.write(tmp_path / "in.mkv", frames, sound="aac")
    with av.open(str(file)) as source, av.open(str(tmp_path / "only.mkv"), "w") as target:
        track = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = track
                target.mux(packet)
    with pytest.raises(BadVideo, match="no moving picture, only sound"):
        Reader(tmp_path / "only.mkv")


def test_odd_sides_lose_a_row(tmp_path, frames):
    odd = [picture[:, :95, :127] for picture in frames]
    source = clips.write(tmp_path / "odd.gif", odd, codec="gif")
    copied(source, tmp_path / "out.mp4")
    assert clips.read(tmp_path / "out.mp4")[0][0].shape == (94, 126, 3)


def test_what_begins_like_a_video(tmp_path, frames, examples):
    assert all(
        looks_like_video(clips.write(tmp_path / name, frames)) for name in ("a.mp4", "a.mov", "a.mkv", "a.ts")
    )
    assert looks_like_video(clips.write(tmp_path / "a.avi", frames, codec="mpeg4"))
    assert not any(map(looks_like_video, examples.glob("*")))
    assert not looks_like_video(tmp_path / "missing")
