"""Errors of facehub become errors of gradio here and nowhere else: a sentence on the page, one line in the
log."""

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


def as_user_error(handler: Callable[Args, Out]) -> Callable[Args, Out]:
    """Turn a handler's errors into gr.Error with a sentence: that of a FaceHubError, an apology for any
    other.

    The traceback of another error is in the log only.
    """

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
    """A gr.Error with the sentence escaped, because the page renders HTML. gradio logs no traceback of it."""
    return gr.Error(html.escape(printable(sentence), quote=False), print_exception=False)


def printable(sentence: str) -> str:
    """At most 600 characters on one line without control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in sentence)[:600]


def escape_markdown(text: str) -> str:
    """Escape text so that Markdown shows it as it is."""
    return "".join(
        f"&#{ord(letter)};" if not letter.isalnum() and letter != " " else letter for letter in text
    )
