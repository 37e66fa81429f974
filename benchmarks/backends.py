"""`python -m benchmarks.backends [--identity NAME] [--json FILE]`: a generator by PyTorch as it is, by our
folded twin, by torch.compile, ONNX Runtime and OpenVINO, side by side in one run.

One whole crop, the same for all. Beside the time: what it takes until the first answer (compiling, exporting
and loading included), and how far the answer is from PyTorch's in float32 (PSNR over the crop, in dB). ONNX
Runtime and OpenVINO run where they are installed (`pip install onnxruntime openvino onnxscript`); OpenVINO
chooses its precision itself, as it does by default.
"""

import os
import pathlib
import tempfile
import time
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.machine import begin, flags, milliseconds, table, write
from benchmarks.precision import psnr
from facehub import image, registry
from facehub.blending.alignment import align
from facehub.detection.finder import Finder
from facehub.identity.weights import AnyGenerator
from facehub.networks.folded import for_inference
from facehub.networks.precision import inference_dtype

CPU = torch.device("cpu")

Painter = Callable[[Float[Tensor, "1 3 size size"]], Float[Tensor, "1 3 size size"]]


def plain(generator: AnyGenerator) -> Painter:
    return generator.to(memory_format=torch.channels_last)


def folded(generator: AnyGenerator) -> Painter:
    return for_inference(generator, CPU, torch.float32)


def folded_in_bfloat16(generator: AnyGenerator) -> Painter:
    return for_inference(generator, CPU, torch.bfloat16)


def folded_as_shipped(generator: AnyGenerator) -> Painter:
    return for_inference(generator, CPU, inference_dtype(CPU))


def compiled(generator: AnyGenerator) -> Painter:
    return torch.compile(generator.to(memory_format=torch.channels_last))


def compiled_in_bfloat16(generator: AnyGenerator) -> Painter:
    made = torch.compile(generator.bfloat16().to(memory_format=torch.channels_last))
    return lambda crop: made(crop.bfloat16()).float()


def exported(generator: AnyGenerator, folder: pathlib.Path) -> str:
    """The network as an ONNX file."""
    file, crop = str(folder / "generator.onnx"), torch.zeros(1, 3, generator.size, generator.size)
    torch.onnx.export(generator, (crop,), file, input_names=["crop"], output_names=["painted"], verbose=False)
    return file


def by_onnx_runtime(generator: AnyGenerator) -> Painter:
    import onnxruntime  # pyright: ignore[reportMissingImports]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        session = onnxruntime.InferenceSession(exported(generator, pathlib.Path(folder)), options)
    return lambda crop: torch.from_numpy(session.run(None, {"crop": crop.numpy()})[0])


def by_openvino(generator: AnyGenerator) -> Painter:
    import openvino  # pyright: ignore[reportMissingImports]

    with tempfile.TemporaryDirectory() as folder:
        core = openvino.Core()
        model = core.compile_model(
            core.read_model(exported(generator, pathlib.Path(folder))),
            "CPU",
            {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "PERFORMANCE_HINT": "LATENCY"},
        )
    return lambda crop: torch.from_numpy(model(crop.numpy())[0])


BACKENDS: dict[str, Callable[[AnyGenerator], Painter]] = {
    "PyTorch, float32": plain,
    "folded twin, float32": folded,
    "folded twin, bfloat16": folded_in_bfloat16,
    "folded twin, as swaps run it": folded_as_shipped,
    "torch.compile, float32": compiled,
    "torch.compile, bfloat16": compiled_in_bfloat16,
    "ONNX Runtime, float32": by_onnx_runtime,
    "OpenVINO, its own choice": by_openvino,
}


@torch.inference_mode()
def main() -> int:
    parser = flags("benchmarks.backends", __doc__, repeats=15)
    parser.add_argument("--identity", default="tom_cruise")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(arguments.threads))
    machine, examples = begin(arguments), registry.SHIPPED.parent / "examples"
    photos = image.read(examples / "astronaut.png").photo[None]
    found, identity = Finder()(photos), registry.load(arguments.identity)
    painters: dict[str, Painter] = {}
    seconds, distance, wanted = {}, {}, None
    for name, make in BACKENDS.items():
        generator = identity.generator("cpu").eval()
        crop = align(photos, found.landmarks, found.photo, size=generator.size).crop
        begun = time.perf_counter()
        try:
            painter = make(generator)
            painted = painter(crop)
        except Exception as problem:  # not installed, or no compiler for torch.compile: the others go on
            print(f"{name}: left out ({type(problem).__name__}: {str(problem).splitlines()[0][:120]})")
            continue
        wanted = painted.clone() if wanted is None else wanted
        seconds[name] = time.perf_counter() - begun
        distance[name] = psnr(painted.clamp(0, 1), wanted.clamp(0, 1), peak=1.0)
        painters[name] = painter
    crop = crop.contiguous()
    taken = milliseconds(
        {name: lambda painter=painter: painter(crop) for name, painter in painters.items()}, arguments.repeats
    )
    ours = taken["folded twin, as swaps run it"]
    rows = [[name, taken[name], taken[name] / ours, seconds[name], distance[name]] for name in painters]
    table(["by", "ms a crop", "times ours", "s to the first answer", "dB from float32"], rows)
    write(arguments, machine, {"identity": arguments.identity, "rows": rows})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
