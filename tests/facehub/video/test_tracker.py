"""Faces over time: landmarks that neither shake nor lag, who is who, cuts."""

import pytest
import torch

from facehub.detection.finder import Finder
from facehub.geometry import invert, transform_points
from facehub.video.optical_flow import FlowTracker, Observation, rms_radius
from facehub.video.tracker import LID_CHANGE, LID_NOISE, LIDS, SETTLE_S, Tracker, is_cut, smooth, thumbnail
from tests.clips import frame, motion

SIZE = (300, 400)


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder(turn=False)


def followed(frames, *, rate: float = 25.0):
    tracker = Tracker()
    return [tracker(picture, index / rate) for index, picture in enumerate(frames)]


def still(landmarks, matrices) -> torch.Tensor:
    """(frames, 68, 2) landmarks as if the face had not moved, in units of its spread: what is left of their
    motion is error."""
    back = torch.stack(
        [
            transform_points(invert(matrix), points[None].double())[0]
            for points, matrix in zip(landmarks, matrices, strict=True)
        ]
    )
    return back / rms_radius(back[0])


def shaking(landmarks: torch.Tensor) -> float:
    return float(landmarks.diff(dim=0).norm(dim=2).mean())


def test_landmarks_of_a_still_face_do_not_shake(astronaut, finder):
    matrices = [motion((200, 150))] * 16
    frames = [frame(astronaut, matrix, SIZE, noise=4, seed=index) for index, matrix in enumerate(matrices)]
    smooth = still([seen.tracks[0].landmarks for seen in followed(frames)], matrices)[2:]
    alone = still([finder(picture[None]).landmarks[0] for picture in frames], matrices)[2:]
    assert shaking(smooth) < shaking(alone) / 3


def test_landmarks_do_not_lag_behind_a_face_that_moves_fast(astronaut):
    places = [
        (130 + 12 * index, 150 + 4 * (index % 4)) for index in range(14)
    ]  # a face's width in seven frames, and back
    matrices = [
        motion(place, scale=1 + 0.01 * index, degrees=2 * index)
        for index, place in enumerate([*places, *places[::-1]])
    ]
    frames = [frame(astronaut, matrix, SIZE, noise=2, seed=index) for index, matrix in enumerate(matrices)]
    seen = followed(frames)
    assert {track.number for one in seen for track in one.tracks} == {0}, "it was followed all the way"
    error = still([one.tracks[0].landmarks for one in seen], matrices)
    assert float((error - error.mean(0)).norm(dim=2).mean()) < 0.03
    assert float((error.mean(1) - error.mean((0, 1))).norm(dim=1).max()) < 0.05, (
        "the whole face is where it is, in every frame"
    )


def test_small_differences_settle_slowly_and_large_ones_at_once():
    moved = torch.randn(68, 2) * 40
    size = rms_radius(moved)
    small, large = moved + 0.5 * LID_NOISE * size / 2**0.5, moved.clone()
    large[60:] += 0.4 * size
    assert torch.allclose(
        smooth(moved, Observation(small, 1.0), SETTLE_S) - moved,
        (small - moved) * (1 - torch.tensor(-1.0).exp()),
        atol=1e-3,
    )
    assert torch.allclose(smooth(moved, Observation(large, 1.0), 1 / 25), large, atol=1e-3)
    assert torch.equal(smooth(moved, Observation(moved, 1.0), 1 / 25), moved)


def test_a_blink_is_followed_at_once_where_other_landmarks_wait():
    moved = torch.randn(68, 2) * 40
    shut = moved.clone()
    shut[:, 1] += LID_CHANGE * rms_radius(moved)
    share = ((smooth(moved, Observation(shut, 1.0), 1 / 25) - moved) / (shut - moved))[:, 1]
    lids = torch.zeros(68, dtype=torch.bool)
    lids[list(LIDS)] = True
    assert torch.allclose(share[lids], torch.ones(8), atol=0.01)
    assert (share[~lids] < 0.35).all()


def test_the_pace_of_settling_is_the_clocks_and_not_the_frames():
    moved = torch.randn(68, 2) * 40
    look = Observation(moved + 0.5 * LID_NOISE * rms_radius(moved), 1.0)
    once, twice = smooth(moved, look, 2 / 25), smooth(smooth(moved, look, 1 / 25), look, 1 / 25)
    assert torch.allclose(once, twice, atol=1e-3)


def test_two_faces_keep_their_numbers_while_one_leaves_and_comes_back(astronaut, london):
    def picture(index: int, both: bool) -> torch.Tensor:
        left = frame(astronaut, motion((100 + index, 150)), SIZE)
        right = frame(london, motion((110 - index, 150), scale=0.42, about=(360, 360)), (SIZE[0], 200))
        return torch.cat([left[..., :200], right if both else torch.full_like(right, 90)], dim=2)

    seen = followed([picture(index, both=not 6 <= index < 18) for index in range(26)])
    numbers = [
        [track.number for track in sorted(one.tracks, key=lambda track: float(track.landmarks[:, 0].mean()))]
        for one in seen
    ]
    assert numbers[1] == numbers[5] and len(numbers[1]) == 2
    first, second = numbers[1]
    assert numbers[15] == [first], "it is given up some frames after it left"
    assert numbers[-1][0] == first and len(numbers[-1]) == 2 and numbers[-1][1] not in (first, second)
    assert not any(one.cut for one in seen)


def test_a_cut_starts_anew_and_a_flash_does_not(astronaut, london):
    one = [frame(astronaut, motion((200, 150)), SIZE, noise=2, seed=index) for index in range(5)]
    other = [
        frame(london, motion((200, 150), scale=0.5, about=(360, 360)), SIZE, noise=2, seed=index)
        for index in range(5)
    ]
    seen = followed([*one, *other])
    assert [index for index, shot in enumerate(seen) if shot.cut] == [5]
    assert seen[4].tracks[0].number != seen[5].tracks[0].number
    flash = (one[2].int() + 90).clamp(max=255).byte()
    assert not is_cut(thumbnail(one[1]), thumbnail(flash))


def test_a_face_that_comes_in_is_swapped_from_its_first_frames_on(astronaut):
    empty = torch.full((3, *SIZE), 90, dtype=torch.uint8)
    seen = followed([empty] * 3 + [frame(astronaut, motion((200, 150)), SIZE)] * 3)
    assert [len(one.tracks) for one in seen] == [0, 0, 0, 1, 1, 1]
    assert len(seen[0].detections.photo) == 0 and seen[0].detections.landmarks.shape == (0, 68, 2)


def test_the_same_film_gives_the_same_landmarks(astronaut):
    frames = [frame(astronaut, motion((150 + 3 * index, 150)), SIZE) for index in range(6)]
    first, second = (torch.stack([one.tracks[0].landmarks for one in followed(frames)]) for _ in range(2))
    assert torch.equal(first, second)


def test_a_face_that_is_followed_is_looked_at_once_a_frame(astronaut, monkeypatch):
    """Also in frames in which new ones are searched and it is found again."""
    looks, observe = [], FlowTracker.observe

    def counted(self, frame, landmarks):
        looks.append(1)
        return observe(self, frame, landmarks)

    monkeypatch.setattr(FlowTracker, "observe", counted)
    tracker = Tracker()
    for index in range(3):
        assert len(tracker(astronaut, float(index)).tracks) == 1
    assert len(looks) == 3


def test_a_hand_over_the_face_does_not_end_it_at_once(astronaut):
    plain = [frame(astronaut, motion((200, 150)), SIZE, noise=2, seed=index) for index in range(9)]
    hidden = [picture.clone() for picture in plain]
    for picture in hidden[4:6]:
        picture[:, 150:220, 150:260] = 120
    assert [[track.number for track in one.tracks] for one in followed(hidden)] == [[0]] * 9


def test_how_a_frame_lies_in_memory_makes_no_difference(astronaut):
    """A film's has its colours together, a photo's and the camera's in planes."""
    films = [frame(astronaut, motion((200 + 3 * index, 150)), SIZE).contiguous() for index in range(4)]
    together = [one.permute(1, 2, 0).contiguous().permute(2, 0, 1) for one in films]
    assert not together[0].is_contiguous()
    for one, other in zip(followed(films), followed(together), strict=True):
        assert torch.equal(one.tracks[0].landmarks, other.tracks[0].landmarks)


def test_the_finders_of_a_tracker_that_is_gone_serve_the_next_and_no_two_at_once():
    first, second = Tracker(), Tracker()
    used = first._thorough, first._quick
    assert first._quick is not second._quick and first._thorough is not second._thorough
    del first
    third = Tracker()
    assert (third._thorough, third._quick) == used
