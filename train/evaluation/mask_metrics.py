"""How well the network for parts marks what people marked: in the photo's own frame, on the split that it
never learned from."""

import pathlib
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from facehub import image
from facehub.blending.head_parts import crop_from_photo, parts_in_photo, three_classes
from facehub.geometry import invert, transform_points, warp
from facehub.networks.segmentation import BEARD, COVER, FACE, GLASSES, INPUT_PX, SKIN, Segmentation

from ..data import parts
from ..data.occluders import RandomSource, covered, glasses, mouth_mask
from ..data.parts import MARGIN

LFW = ("hair", "skin", "background")
CELEBA_FACE = (1, 2, 4, 5, 6, 7, 10, 11, 12)
"""CelebAMask-HQ's skin with what lies in it: nose, eyes, brows, mouth and lips."""


def measure(network: Segmentation, folder: pathlib.Path, *, cache: pathlib.Path) -> dict[str, Any]:
    """By the kind of folder: LFW's three classes, or CelebAMask's skin; and on both how much of painted
    occluders is found."""
    own = (
        lfw(network, folder, cache=cache)
        if parts.kind(folder) == "lfw"
        else celeba(network, folder, cache=cache)
    )
    return own | painted(network, parts.load(folder, "validation", cache=cache))


def lfw(network: Segmentation, folder: pathlib.Path, *, cache: pathlib.Path) -> dict[str, Any]:
    """Share of pixels right and F1 of hair, skin and background, over whole photos and within the crop that
    a swap cuts; and there, as a swap looks.

    A photo in which dlib finds no face is looked at where LFW's faces are.
    """
    landmarks = parts.find(folder, "validation", cache=cache)
    usual = torch.tensor(list(landmarks.values())).mean(0).tolist()
    whole, within, once = (torch.zeros(3, 3, dtype=torch.long) for _ in range(3))
    photos = parts.labelled_photos(folder, "validation")
    for one in photos:
        points = torch.tensor(landmarks.get(one.name, usual))[None]
        truth = parts.pixels(one.mask, "lfw").argmax(1)[0]
        photo = image.read(one.photo).photo[None]
        found = three_classes(parts_in_photo(network, photo, points))[0]
        whole += confusion(truth, found)
        height, width = truth.shape
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        at = transform_points(
            crop_from_photo(points), torch.stack([x, y], -1).reshape(1, -1, 2).float()
        ).reshape(height, width, 2)
        inside = ((at >= -0.5) & (at <= INPUT_PX - 0.5)).all(-1)
        within += confusion(truth[inside], found[inside])
        crop = warp(
            photo, torch.zeros(1, dtype=torch.long), invert(crop_from_photo(points)), (INPUT_PX, INPUT_PX)
        )
        look = three_classes(network(crop).softmax(1))[0]
        x, y = at[inside].round().long().clamp(0, INPUT_PX - 1).unbind(1)
        once += confusion(truth[inside], look[y, x])
    return {
        "photos": len(photos),
        "photos_without_a_face_for_dlib": len(photos) - len(landmarks),
        "pixel_accuracy": round(accuracy(whole), 5),
        "pixel_accuracy_within_the_crop": round(accuracy(within), 5),
        "pixel_accuracy_within_the_crop_at_one_look": round(accuracy(once), 5),
        "f1": {name: round(value, 4) for name, value in zip(LFW, f1(whole), strict=True)},
    }


def celeba(network: Segmentation, folder: pathlib.Path, *, cache: pathlib.Path) -> dict[str, Any]:
    """Intersection over union in the photo's frame, pooled over all photos: the face (CELEBA_FACE), and
    skin with ears and neck."""
    landmarks = parts.find(folder, "validation", cache=cache)
    both = torch.zeros(4, dtype=torch.long)
    photos = [one for one in parts.labelled_photos(folder, "validation") if one.name in landmarks]
    for one in photos:
        ids = parts.pixels(one.mask, "celeba")[0, 0]
        found = parts_in_photo(
            network, image.read(one.photo).photo[None], torch.tensor(landmarks[one.name])[None]
        )[0].argmax(0)
        for place, (true, seen) in enumerate(
            ((CELEBA_FACE, (FACE, BEARD)), ((*CELEBA_FACE, 8, 9, 17), (FACE, BEARD, SKIN)))
        ):
            a, b = torch.isin(ids, torch.tensor(true)), torch.isin(found, torch.tensor(seen))
            both[2 * place : 2 * place + 2] += torch.stack([(a & b).sum(), (a | b).sum()])
    values = both.tolist()
    return {
        "photos": len(photos),
        "face_iou": round(values[0] / values[1], 4),
        "skin_with_ears_and_neck_iou": round(values[2] / values[3], 4),
    }


@torch.inference_mode()
def painted(network: Segmentation, faces: parts.Parts, *, seed: int = 1) -> dict[str, Any]:
    """Intersection over union of what is painted before the faces: things and hands, masks over mouth and
    nose, and glasses."""
    choice = torch.Generator().manual_seed(seed)
    crop = faces.wide[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN].float() / 255
    allowed, landmarks = faces.allowed[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN], faces.landmarks - MARGIN
    found = {}
    for name, kind, (seen, label) in (
        ("painted_cover_iou", COVER, covered(crop, allowed, choice, share=1.0)),
        ("painted_mask_iou", COVER, mouth_mask(crop, allowed, landmarks, RandomSource(len(crop), choice))),
        ("painted_glasses_iou", GLASSES, glasses(crop, allowed, landmarks, RandomSource(len(crop), choice))),
    ):
        there = torch.cat([network(some).argmax(1, keepdim=True) for some in seen.split(50)]) == kind
        true = label == 1 << kind
        found[name] = round(((there & true).sum() / (there | true).sum().clamp(min=1)).item(), 4)
    return found


def confusion(truth: Tensor, found: Tensor) -> Int[Tensor, "3 3"]:
    return torch.bincount(truth.flatten() * 3 + found.flatten(), minlength=9).reshape(3, 3)


def accuracy(table: Int[Tensor, "3 3"]) -> float:
    return (table.diagonal().sum() / table.sum()).item()


def f1(table: Int[Tensor, "3 3"]) -> list[float]:
    return (2 * table.diagonal() / (table.sum(0) + table.sum(1)).clamp(min=1)).tolist()
