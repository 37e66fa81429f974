"""What goes wrong becomes a sentence on the page and one line in the log; here and nowhere else an error of facehub becomes gradio's."""

import functools
import html
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import gradio as gr

from facehub.errors import FaceHubError

log = logging.getLogger(__name__)

SORRY = "Something went wrong on our side and has been logged; another photo may work."

Args = ParamSpec("Args")
Out = TypeVar("Out")


def in_a_sentence(handler: Callable[Args, Out]) -> Callable[Args, Out]:
    """What goes wrong becomes a sentence: our own errors theirs, anything else an apology, with its traceback in the log only."""

    @functools.wraps(handler)
    def wrapped(*args: Args.args, **kwargs: Args.kwargs) -> Out:
        try:
            return handler(*args, **kwargs)
        except gr.Error:
            raise  # a sentence already
        except FaceHubError as error:
            log.warning("%s refused: %s", handler.__name__, printable(str(error)))
            raise toast(str(error)) from error
        except Exception as error:
            log.exception("%s failed", handler.__name__)
            raise toast(SORRY) from error

    return wrapped


def toast(sentence: str) -> gr.Error:
    """Escaped, because the page would render HTML, and without gradio's traceback, because the log has its line already."""
    return gr.Error(html.escape(printable(sentence), quote=False), print_exception=False)


def printable(sentence: str) -> str:
    """One line that every log and every client can hold: a caller may have put anything into what is quoted."""
    return "".join(letter if letter.isprintable() else " " for letter in sentence)[:600]


def plain(text: str) -> str:
    """Text that Markdown shows as it is, whatever it holds: an identity's title comes from whoever made it."""
    return "".join(f"&#{ord(letter)};" if not letter.isalnum() and letter != " " else letter for letter in text)
