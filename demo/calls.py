"""A call of the API as it came over the wire: whether it is one that gradio can take, told before gradio tries.

Each value is held against the input it is for later, in `page.Page` and `asked`; here only the form is looked at.
"""

import json
import re
from typing import Any

from gradio import SelectData

DEEP = 12
"""How deep values may lie in each other."""

MANY = 20_000
"""Values in one call."""

FIELDS: dict[str, tuple] = {
    "data": (list,), "fn_index": (int, type(None)), "session_hash": (str, type(None)), "trigger_id": (int, type(None)), "event_data": (object,),
    "event_id": (str, type(None)), "oauth_token": (str, type(None)), "simple_format": (bool,), "batched": (bool, type(None)),
}  # fmt: skip
"""What a call may hold, and as what."""

NAME = re.compile(r"[\w-]{1,64}", re.ASCII)


class BadCall(Exception):
    """A call that is none: the HTTP status, and the sentence to answer with."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status

    def record(self) -> dict[str, str]:
        """As gradio's clients read it."""
        return {"detail": str(self), "error": str(self)}


def checked(path: str, body: bytes, blocks: Any) -> None:
    """Raises BadCall unless the body is a call that `blocks` can take at the path (without its prefix)."""
    if re.fullmatch("/stream/.*/close/?", path):
        return None
    call = parsed(body)
    if re.match("/call/v2/", path):
        return known(path, None, None, blocks)
    if path.startswith(("/cancel", "/reset")):
        return named(call, ("session_hash", "event_id"))
    for name, value in call.items():
        kinds = FIELDS.get(name, (object,))
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds and object not in kinds):
            raise BadCall(400, f"{name[:40]} is of a kind that this call cannot have: see /?view=api for what each function takes.")
    if "data" not in call:
        raise BadCall(400, "The call lacks data, the list of what the function takes: see /?view=api.")
    if call.get("batched"):
        raise BadCall(400, "Calls are taken one by one: leave batched out.")
    named(call, ("session_hash",))
    if path.startswith("/stream/"):
        return going_on(path.removeprefix("/stream/").rstrip("/"), len(call["data"]), blocks)
    known(path, call.get("fn_index"), len(call["data"]), blocks, call.get("event_data") if path.startswith("/queue") else None)
    return None


def going_on(event_id: str, count: int, blocks: Any) -> None:
    """Raises BadCall unless the event is one that takes frames, and gets as many values as it takes."""
    event = blocks._queue.event_ids_to_events.get(event_id)
    if event is None or not event.streaming:
        raise BadCall(404, "This camera's turn is over: press record again.")
    if count != len(event.fn.inputs):
        raise BadCall(400, f"{event.fn.api_name} takes {len(event.fn.inputs)} values, but got {count}: see /?view=api.")


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises BadCall when it is none, holds half characters, or is nested or long beyond sense."""
    try:
        call = json.loads(body)
        json.dumps(call, ensure_ascii=False).encode()
    except (ValueError, RecursionError, UnicodeError) as problem:
        raise BadCall(400, "The call is no JSON that can be read: send one object, with whole characters only.") from problem
    if not isinstance(call, dict):
        raise BadCall(400, "The call is no JSON object: send one with data, the list of what the function takes.")
    left, count = [(call, 0)], 0
    while left:
        value, depth = left.pop()
        count += 1
        if depth > DEEP or count > MANY:
            raise BadCall(400, f"The call holds more than {MANY:,} values, or values more than {DEEP} deep in each other: no function takes that.")
        if isinstance(value, (dict, list)):
            left += [(part, depth + 1) for part in (value.values() if isinstance(value, dict) else value)]
    return call


def named(call: dict[str, Any], names: tuple[str, ...]) -> None:
    """Raises BadCall unless what names a visit or an event could be a name."""
    for name in names:
        value = call.get(name)
        if value is not None and not (isinstance(value, str) and NAME.fullmatch(value)):
            raise BadCall(400, f"{name} is no name of a visit or an event: use up to 64 letters and digits.")


def known(path: str, index: int | None, count: int | None, blocks: Any, event: object = None) -> None:
    """Raises BadCall unless the function asked for is there, gets as many values as it takes, and a click where it wants one."""
    asked = path.rstrip("/").rpartition("/")[2]
    if index is not None:
        function = blocks.fns.get(index)
    else:
        function = next((one for one in blocks.fns.values() if one.api_name == asked), None)
    if function is None:
        raise BadCall(404, f'No function is called "{asked[:60] if index is None else index}": see /?view=api for those that are there.')
    taken = {len(function.inputs), sum(not block.skip_api for block in function.inputs)}
    if count is not None and count not in taken:
        raise BadCall(400, f"{function.api_name} takes {max(taken)} values, but got {count}: see /?view=api.")
    clicked = any(kind is SelectData for kind in getattr(function.fn, "__annotations__", {}).values())
    if clicked and not (isinstance(event, dict) and {"index", "value"} <= event.keys() and isinstance(event["index"], int)):
        raise BadCall(400, f"{function.api_name} wants to know which card was clicked: send event_data with its index and value.")
