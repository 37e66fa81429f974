"""A gr.Blocks that validates each input before gradio preprocesses it, and rejects bad ones with a readable
error.

Tied to gradio's internals: `preprocess_data` is the step between a call's values and the handler's.
"""

import logging
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles
from gradio.utils import is_static_file

from facehub.errors import BadPhoto, BadSetting

from .errors import as_user_error, toast

NO_FETCHING = (
    "A picture has to be sent to this page: it fetches none from an address, so upload the file instead."
)
GONE = (
    "This photo has been deleted, as all are when a page closes or after half an hour: please add it once "
    "more."
)
NO_FILE = "This is no file that was uploaded here: drop one in, or send it to /gradio_api/upload first."
NO_FRAME = (
    "A frame of a camera has to come as a data URL, with data:image/ at its start: no path and no address "
    "is followed."
)

log = logging.getLogger(__name__)


class GuardedBlocks(gr.Blocks):
    """Fetches nothing: a file is an upload in `cache` or one that the page shows anyway, and everything
    else a plain value.

    gradio itself would fetch any address that a call names, for any of its inputs, and log a traceback for
    a value that an input cannot take.
    """

    def __init__(self, cache: Path, **options: Any):
        super().__init__(**options)
        self.cache = cache.resolve()

    def __exit__(self, exc_type: type[BaseException] | None = None, *args: Any) -> None:
        """End the layout. Raises TypeError for an input without a validator, so that none is forgotten."""
        super().__exit__(exc_type, *args)
        if exc_type is None:
            self.check_validators()

    def check_validators(self) -> None:
        """Raise TypeError unless every input of every function has a `preprocess` of ours (validators.py)."""
        for function in self.fns.values():
            for block in function.inputs if function.fn is not None else ():
                if not block.stateful and "preprocess" not in vars(block):
                    name = getattr(block, "label", None) or type(block).__name__
                    raise TypeError(
                        f"{name}, an input of {function.api_name}, lacks a validator: set its preprocess."
                    )

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], state: Any = None, *args: Any, **kwargs: Any
    ) -> list[Any]:
        """Return the values for the handler. Raises gr.Error with a sentence; the log gets a line."""
        values = self._checked(block_fn, inputs)
        keep_validators(block_fn, state)
        try:
            return await super().preprocess_data(block_fn, values, state, *args, **kwargs)
        except gr.Error as refused:
            if not refused.print_exception:
                raise
            log.warning("%s refused: %s", block_fn.api_name, refused.message)
            raise toast(
                f"A value is none of those that {block_fn.api_name} takes: see /?view=api."
            ) from refused
        except (ValueError, TypeError, OSError) as problem:
            log.warning("%s refused: %s", block_fn.api_name, type(problem).__name__)
            raise toast(
                f"A value is none of those that {block_fn.api_name} takes: see /?view=api."
            ) from problem

    @as_user_error
    def _checked(self, block_fn: Any, inputs: list[Any]) -> list[Any]:
        blocks = list(block_fn.inputs)
        if len(inputs) < len(blocks):
            raise BadSetting(
                f"{block_fn.api_name} takes {len(blocks)} values, but got {len(inputs)}: see /?view=api."
            )
        return [self._value(block, value) for block, value in zip(blocks, inputs, strict=False)]

    def _value(self, block: Any, value: object) -> object:
        if block.stateful or value is None:
            return None  # callers do not set the state of a session
        if getattr(block, "streaming", False):
            return self._frame(value)
        model = getattr(block, "data_model", None)
        if model is ListFiles:
            return [self._file(one) for one in (value if isinstance(value, list) else [value])]
        if "path" in getattr(model, "model_fields", ()):
            return self._file(value)
        if isinstance(value, dict) or (
            isinstance(value, list) and any(isinstance(part, (dict, list)) for part in value)
        ):
            raise BadSetting(
                f"{block.label or 'A value'} is a group of values, but must be a plain one: see /?view=api."
            )
        return value

    def _frame(self, value: object) -> dict[str, Any]:
        """A camera's picture, which is in the call itself: never a path or an address."""
        url = value.get("url") if isinstance(value, dict) else None
        if not isinstance(url, str) or not url.startswith("data:image/"):
            raise BadPhoto(NO_FRAME)
        return {"path": None, "url": url}

    def _file(self, value: object) -> dict[str, Any]:
        """A file's path and nothing else of what was sent. Raises BadPhoto unless this caller may name it."""
        path = value.get("path") if isinstance(value, dict) else value
        if not isinstance(path, str) or not path or len(path) > 4000 or not path.isprintable():
            raise BadPhoto(NO_FILE)
        if "://" in path or path.startswith(("http:", "https:", "data:", "file:")):
            raise BadPhoto(NO_FETCHING)
        whole = Path(path).absolute()
        if ".." in whole.parts or any(len(part.encode()) > 255 for part in whole.parts):
            raise BadPhoto(NO_FILE)
        if not is_static_file(path):
            if not whole.resolve().is_relative_to(self.cache):
                raise BadPhoto(NO_FILE)
            if not whole.is_file():
                raise BadPhoto(GONE)
        return {"path": path, "meta": {"_type": "gradio.FileData"}}


def keep_validators(block_fn: Any, state: Any) -> None:
    """Give a session's inputs the page's validators again. gradio builds an input anew, without its
    validator, whenever a handler answers with an update of it, gr.skip() among them."""
    if state is None:
        return
    for block in block_fn.inputs:
        if not block.stateful and "preprocess" in vars(block) and block._id in state:
            state[block._id].preprocess = block.preprocess
