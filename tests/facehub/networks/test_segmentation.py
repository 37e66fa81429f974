"""The network for parts: what it is given and gives, how it is read, and what its record says."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from facehub.errors import BadSetting
from facehub.networks import segmentation
from facehub.networks.segmentation import CLASSES, WEIGHTS, Segmentation, fuse_batch_norm, load_segmentation


def test_folding_the_normalisation_changes_nothing():
    network = Segmentation()
    for _ in range(3):
        network.train()(torch.rand(4, 3, 64, 64))
    crop = torch.rand(2, 3, 64, 64)
    assert torch.allclose(network.eval()(crop), fuse_batch_norm(network)(crop), atol=1e-4)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in fuse_batch_norm(network).modules())


@pytest.mark.parametrize("size", [(128, 128), (64, 96), (192, 192)])
def test_a_logit_for_each_class_and_pixel(size):
    logits = load_segmentation()(torch.rand(3, 3, *size))
    assert logits.shape == (3, len(CLASSES), *size) and logits.isfinite().all()


def test_a_batch_is_its_crops():
    crop = torch.rand(3, 3, 128, 128)
    together, each = load_segmentation()(crop), torch.cat([load_segmentation()(one[None]) for one in crop])
    assert torch.allclose(together, each, atol=1e-4)


@pytest.mark.parametrize("harm", ["missing", "shape", "nan", "text"])
def test_a_file_that_does_not_fit_is_told_in_a_sentence(tmp_path, harm):
    weights, file = load_file(WEIGHTS), tmp_path / "segmentation.safetensors"
    name = next(iter(weights))
    if harm == "missing":
        del weights[name]
    elif harm == "shape":
        weights[name] = weights[name][:1].contiguous()
    elif harm == "nan":
        weights[name] = torch.full_like(weights[name], float("nan"))
    save_file(weights, file)
    if harm == "text":
        file.write_text("no weights")
    with pytest.raises(BadSetting, match=r"python -m train\.segmentation"):
        segmentation.load_segmentation(file)


def test_the_record_tells_from_what_it_was_made_and_how_well_it_does():
    record = json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert {"faces", "data_sha256", "command", "setting", "seconds", "machine", "measured"} <= record.keys()
    assert record["measured"]["lfw_parts"]["photos"] == 500
    assert WEIGHTS.stat().st_size < 3_000_000


@pytest.mark.gpu
def test_cuda_agrees_with_cpu():
    crop = torch.rand(2, 3, 128, 128)
    apart = fuse_batch_norm(Segmentation()).cuda()
    apart.load_state_dict(load_segmentation().state_dict())
    assert (apart(crop.cuda()).softmax(1).cpu() - load_segmentation()(crop).softmax(1)).abs().max() < 1e-2
