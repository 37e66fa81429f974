"""What the swap tab shows while a visitor chooses, called as plain functions."""

import time
import zipfile
from dataclasses import replace

import gradio as gr
import pytest
import torch

from demo.handlers.batch import BatchHandlers
from demo.handlers.preview import NOTHING_NEW, PreviewHandlers
from demo.handlers.session_cache import COPIES_PER_RESULT, SessionCache, Work
from facehub import image
from facehub.image import Picture, read_statement

from ..conftest import COLOURS, photo_of

VISITOR, OTHER = gr.Request(session_hash="visitor"), gr.Request(session_hash="other")


def silent(*_, **__):
    """Progress that nobody watches."""


def show(
    previews,
    photo,
    identity="ada",
    *,
    faces="all",
    masker="landmarks",
    view="photo",
    ticket=0,
    request=VISITOR,
):
    return previews.show(photo, identity, 1.0, faces, masker, view, ticket, True, request, silent)


def adjust(previews, photo, strength=1.0, view="photo"):
    return previews.adjust(photo, "ada", strength, "all", "landmarks", view, 0, True, VISITOR)


def pixels(path):
    return image.read(path).photo.int()


@pytest.fixture
def previews(handlers) -> PreviewHandlers:
    return PreviewHandlers(handlers)


@pytest.fixture
def counted(handlers, swapper, monkeypatch) -> list[str]:
    """Stages that were run: a search for faces, or a network's work."""
    stages = []

    def load(one):
        made = swapper(one)
        finder, paint = made.finder, made.generator.forward
        made.finder = lambda photos: stages.append("find") or finder(photos)
        made.generator.forward = lambda crop: stages.append(one.name) or paint(crop)
        return made

    handlers._swapper = load
    return stages


def test_a_preview_shows_the_swap_and_says_that_it_is_generated(previews, upload):
    shown = show(previews, upload(photo_of((90, 160, 120))))
    assert (pixels(shown.raw) - pixels(shown.original)).abs().max() > 100
    assert read_statement(shown.blended.read_bytes()) and read_statement(shown.raw.read_bytes())
    assert not read_statement(shown.original.read_bytes())
    assert shown.before_after == (shown.original, shown.blended)
    assert {path.suffix for path in (shown.original, shown.raw, shown.blended)} == {".jpg"}, "the fastest"


def test_only_what_changed_is_computed_again(previews, upload, counted):
    photo = upload(photo_of((90, 160, 120)))
    show(previews, photo)
    assert counted == ["find", "ada"]
    adjust(previews, photo, 0.5)
    adjust(previews, photo, view="face")
    previews.save(photo, "ada", 0.5, "all", "landmarks", "PNG", True, VISITOR)
    assert counted == ["find", "ada"], "strength, view and file type run neither finder nor network"
    show(previews, photo, "ben")
    assert counted == ["find", "ada", "ben"], "another identity needs no search"
    show(previews, photo)
    assert counted == ["find", "ada", "ben"], "and back it is remembered"
    show(previews, photo, request=OTHER)
    assert counted == ["find", "ada", "ben", "find", "ada"], "nobody else's work is used"


def test_strength_mixes_photo_and_swap_in_less_than_a_tenth_of_a_second(previews, upload):
    photo = upload(photo_of((90, 160, 120), height=512, width=512))
    full = show(previews, photo)
    spent = []
    for strength in (0.0, 0.25, 0.5):
        start = time.thread_time()
        pair, _ = adjust(previews, photo, strength)
        spent.append(time.thread_time() - start)
        change = (pixels(pair[1]) - pixels(pair[0])).abs()[:, :300].float().mean()
        assert (
            change
            <= 2 + strength * (pixels(full.blended) - pixels(full.original)).abs()[:, :300].float().mean()
        )
    assert min(spent) < 0.1, "seconds of this thread's processor"


def test_who_leaves_is_forgotten_and_memory_is_bounded(handlers, previews, upload, tmp_path):
    photo = upload(photo_of((90, 160, 120)))
    show(previews, photo)
    (work,) = handlers.cache._works.values()
    assert work.bytes == 150 * 230 * 3 * (1 + COPIES_PER_RESULT)
    handlers.on_unload(VISITOR)
    assert not handlers.cache._works
    file = tmp_path / "photo.png"
    file.touch()
    cache = SessionCache(max_bytes=2500)
    for name in ("one", "two", "three"):
        cache.put(name, Work(file, Picture(torch.zeros(3, 20, 20, dtype=torch.uint8)), {}))
    assert list(cache._works) == ["two", "three"], "the least recently used one made room"
    file.unlink()
    assert cache.get("three", file) is None, "a deleted photo is not remembered"


def test_an_earlier_request_gives_way_to_a_later_one(previews, upload, counted):
    photo = upload(photo_of((90, 160, 120)))
    assert not any(previews.begin(2, VISITOR)[:4]), "no picture of an earlier choice stays"
    previews.begin(1, VISITOR)  # an earlier choice whose request was overtaken
    assert show(previews, photo, ticket=1) == NOTHING_NEW
    assert counted == [], "it stops before it computes"
    shown = show(previews, photo, ticket=2)
    assert shown.blended.is_file() and shown.ticket == 2
    previews.begin(3, VISITOR)
    late = previews.adjust(photo, "ada", 0.5, "all", "landmarks", "photo", 2, True, VISITOR)
    assert late == (gr.skip(), gr.skip()), "nor does a change of strength show an earlier choice"


def test_what_is_wrong_with_an_earlier_photo_is_not_said(previews, upload):
    black = upload(photo_of((0, 0, 0)))
    previews.begin(1, VISITOR)
    with pytest.raises(gr.Error, match="No face was found"):
        show(previews, black, ticket=1)
    previews.begin(2, VISITOR)
    assert show(previews, black, ticket=1) == NOTHING_NEW
    for late in (black, None):
        assert previews.find_faces(late, ["ada"], 1, VISITOR, silent) == (gr.skip(), gr.skip())


def test_each_face_its_own_identity_or_none(previews, upload):
    photo = upload(photo_of((90, 160, 120)))
    both = show(previews, photo, faces="0=ada,1=ben")
    change = pixels(both.raw) - pixels(both.original)
    left, right = change[:, 20:100, :115], change[:, 20:100, 115:]
    assert left[0].max() > 60 and right[2].max() > 60, "red on the left, blue on the right"
    one = show(previews, photo, faces="1")
    change = (pixels(one.raw) - pixels(one.original)).abs()
    assert change[:, :100, :115].float().mean() < 3 < change[:, 20:100, 115:].float().mean()
    saved = previews.save(photo, "ada", 1.0, "0,1=ben", "landmarks", "JPEG", True, VISITOR)
    assert saved.name == "photo-ada-ben.jpg" and read_statement(saved.read_bytes())
    for faces, sentence in (
        ("none", "No face is chosen"),
        ("2", "Face 2 was asked for, but the photo shows 2 faces"),
        ("0,x", 'Faces "0,x" is no choice'),
        ("0=nobody", 'No identity is called "nobody"'),
    ):
        with pytest.raises(gr.Error, match=sentence):
            show(previews, photo, faces=faces)


def test_faces_are_found_when_the_photo_comes(previews, upload):
    html, faces = previews.find_faces(upload(photo_of((90, 160, 120))), ["ada", "ben"], 0, VISITOR, silent)
    assert html.count("<img") == 2 and faces == "all"
    assert "2 faces found" in html and "Identity of face 1" in html
    assert "<b>Example</b>" not in html, "titles are text"
    assert previews.find_faces(upload(photo_of((0, 0, 0))), ["ada"], 0, VISITOR, silent) == ("", "all")
    assert previews.find_faces(None, ["ada"], 0, VISITOR, silent) == ("", "all")


def test_a_gray_photo_stays_gray_outside_the_face(previews, upload):
    photo = upload(photo_of((128, 128, 128), height=300, width=400))
    shown = show(previews, photo, faces="1")
    left = pixels(shown.blended)[:, :200, :150]
    assert (left.amax(0) - left.amin(0)).max() <= 6, "the watermark and WebP apart"


def test_several_photos_become_one_zip(handlers, upload):
    photos = [
        upload(photo_of((90, 160, 120)), "a.png"),
        upload(photo_of((0, 0, 0)), "black.png"),
        upload(photo_of((9, 99, 9)), "b.png"),
    ]
    seen = []
    ready, summary = BatchHandlers(handlers).swap(
        photos, "ada", 1.0, "landmarks", True, VISITOR, lambda share, desc: seen.append((share, desc))
    )
    assert summary.startswith("2 of 3 photos were swapped.") and "black" in summary
    assert seen[-1] == (2 / 3, "Photo 3 of 3")
    with zipfile.ZipFile(ready.value["path"] if isinstance(ready.value, dict) else ready.value) as packed:
        assert packed.namelist() == ["01-a-ada.png", "03-b-ada.png"]
        assert all(read_statement(packed.read(name)) for name in packed.namelist())
    with pytest.raises(gr.Error, match="There are no photos yet"):
        BatchHandlers(handlers).swap([], "ada", request=VISITOR)


def test_only_an_upload_is_restored_after_a_reload(handlers, upload, tmp_path):
    photo = upload(photo_of((90, 160, 120)))
    assert handlers.restore_photo(photo, VISITOR) == photo
    example = str(handlers.examples[0])
    assert handlers.restore_photo(example, VISITOR) == example
    secret = tmp_path / "secret.png"
    image.write(secret, photo_of((1, 2, 3)), generated=False)
    theirs = show(PreviewHandlers(handlers), photo, request=OTHER).blended
    for path in ("", str(secret), f"{handlers.visits.cache}/../secret.png", str(theirs), "x\0y"):
        assert handlers.restore_photo(path, VISITOR) is None, path


def test_the_mask_is_a_picture_of_the_photos_size(handlers, upload):
    photo = photo_of((90, 160, 120))
    mask = pixels(handlers.mask(upload(photo), "1", "landmarks"))
    assert mask.shape[1:] == photo.shape[1:]
    assert (mask.min(), mask.max()) == (0, 255)
    assert not mask[:, :, :115].any() and mask[:, :, 115:].any(), "the face on the right"


def test_an_example_is_swapped_once_for_all_visitors(handlers, previews, counted):
    example = str(handlers.examples[0])
    first = show(previews, example)
    done = len(counted)
    second = show(previews, example, request=OTHER)
    assert len(counted) == done
    assert (pixels(first.blended) - pixels(second.blended)).abs().max() < 20, "watermarks differ"
    assert first.blended != second.blended and first.original != second.original, "in files of their own"


def test_only_installed_identities_are_shared_between_visitors(handlers, previews, counted, monkeypatch):
    """Two visitors' own identities may have one name."""
    monkeypatch.setitem(COLOURS, "own", (0.2, 0.9, 0.2))
    own = replace(handlers.identities["ada"], name="own")
    handlers.elsewhere = [lambda name, session: own if name == "own" else None]
    for visitors, request in enumerate((VISITOR, OTHER), start=1):
        show(previews, str(handlers.examples[0]), "own", request=request)
        assert counted.count("own") == visitors
