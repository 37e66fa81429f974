"""Check the form of an API call before gradio reads it. Tied to gradio's internals (PredictBody, its queue
and functions).

Each value is held against the input it is for later (blocks.py, validators.py); here only the form is looked
at.
"""

import json
import re
from typing import Any

from gradio import SelectData

MAX_DEPTH = 12
"""Nesting depth of the values of a call."""

MAX_VALUES = 20_000
"""Values in one call."""

FIELDS: dict[str, tuple] = {
    "data": (list,),
    "fn_index": (int, type(None)),
    "session_hash": (str, type(None)),
    "trigger_id": (int, type(None)),
    "event_data": (object,),
    "event_id": (str, type(None)),
    "oauth_token": (str, type(None)),
    "simple_format": (bool,),
    "batched": (bool, type(None)),
}
"""Fields of a call, and their types."""

NAME = re.compile(r"[\w-]{1,64}", re.ASCII)


class RequestError(Exception):
    """A refused request: the HTTP status and the sentence of the answer."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status

    def record(self) -> dict[str, str]:
        """The JSON object that gradio's clients read."""
        return {"detail": str(self), "error": str(self)}


def validate(path: str, body: bytes, blocks: Any) -> None:
    """Raises RequestError unless the body is a call that `blocks` can take at the path (without its
    prefix)."""
    if re.fullmatch("/stream/.*/close/?", path):
        return None
    call = parse_json(body)
    if re.match("/call/v2/", path):
        return check_function(path, None, None, blocks)
    if path.startswith(("/cancel", "/reset")):
        return check_ids(call, ("session_hash", "event_id"))
    for name, value in call.items():
        kinds = FIELDS.get(name, (object,))
        if not isinstance(value, kinds) or (
            isinstance(value, bool) and bool not in kinds and object not in kinds
        ):
            raise RequestError(
                400,
                f"{name[:40]} is of a kind that this call cannot have: see /?view=api for what each "
                "function takes.",
            )
    if "data" not in call:
        raise RequestError(400, "The call lacks data, the list of what the function takes: see /?view=api.")
    if call.get("batched"):
        raise RequestError(400, "Calls are taken one by one: leave batched out.")
    check_ids(call, ("session_hash",))
    if path.startswith("/stream/"):
        return check_stream(path.removeprefix("/stream/").rstrip("/"), len(call["data"]), blocks)
    check_function(
        path,
        call.get("fn_index"),
        len(call["data"]),
        blocks,
        call.get("event_data") if path.startswith("/queue") else None,
    )
    return None


def check_stream(event_id: str, count: int, blocks: Any) -> None:
    """Raises RequestError unless the event is one that takes frames, and gets as many values as it takes."""
    event = blocks._queue.event_ids_to_events.get(event_id)
    if event is None or not event.streaming:
        raise RequestError(404, "This camera's turn is over: press record again.")
    if count != len(event.fn.inputs):
        raise RequestError(
            400, f"{event.fn.api_name} takes {len(event.fn.inputs)} values, but got {count}: see /?view=api."
        )


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises RequestError when it is none, holds half characters, or is nested
    or long beyond sense."""
    try:
        call = json.loads(body)
        json.dumps(call, ensure_ascii=False).encode()
    except (ValueError, RecursionError, UnicodeError) as problem:
        raise RequestError(
            400, "The call is no JSON that can be read: send one object, with whole characters only."
        ) from problem
    if not isinstance(call, dict):
        raise RequestError(
            400, "The call is no JSON object: send one with data, the list of what the function takes."
        )
    pending, count = [(call, 0)], 0
    while pending:
        value, depth = pending.pop()
        count += 1
        if depth > MAX_DEPTH or count > MAX_VALUES:
            raise RequestError(
                400,
                f"The call holds more than {MAX_VALUES:,} values, or values more than {MAX_DEPTH} deep in "
                "each other: no function takes that.",
            )
        if isinstance(value, (dict, list)):
            pending += [(part, depth + 1) for part in (value.values() if isinstance(value, dict) else value)]
    return call


def check_ids(call: dict[str, Any], names: tuple[str, ...]) -> None:
    """Raises RequestError unless what names a visit or an event could be a name."""
    for name in names:
        value = call.get(name)
        if value is not None and not (isinstance(value, str) and NAME.fullmatch(value)):
            raise RequestError(
                400, f"{name} is no name of a visit or an event: use up to 64 letters and digits."
            )


def check_function(
    path: str, index: int | None, count: int | None, blocks: Any, event: object = None
) -> None:
    """Raises RequestError unless the function asked for is there, gets as many values as it takes, and a
    click where it wants one."""
    name = path.rstrip("/").rpartition("/")[2]
    if index is not None:
        function = blocks.fns.get(index)
    else:
        function = next((one for one in blocks.fns.values() if one.api_name == name), None)
    if function is None or function.fn is None:  # one without is a script of the page
        raise RequestError(
            404,
            f'No function is called "{name[:60] if index is None else index}": see /?view=api for those '
            "that are there.",
        )
    taken = {len(function.inputs), sum(not block.skip_api for block in function.inputs)}
    if count is not None and count not in taken:
        raise RequestError(
            400, f"{function.api_name} takes {max(taken)} values, but got {count}: see /?view=api."
        )
    clicked = any(kind is SelectData for kind in getattr(function.fn, "__annotations__", {}).values())
    if clicked and not (
        isinstance(event, dict) and {"index", "value"} <= event.keys() and isinstance(event["index"], int)
    ):
        raise RequestError(
            400,
            f"{function.api_name} wants to know which card was clicked: send event_data with its index and "
            "value.",
        )
