"""A client of OpenAI-compatible endpoints, patient with those that are slow or busy."""

from __future__ import annotations

import email.utils
import http.client
import json
import os
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Any

from ...answer.prompt import Message
from ...errors import Problem, UserError, WorkError
from .questions import Reply
from .settings import TeacherSettings

_MAX_BYTES = 4_000_000  # of an answer
_MAX_WAIT = 600.0  # seconds between two tries
_BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class MalformedError(Exception):
    """An answer that is not what the protocol says."""


class Endpoint:
    """Asks one question at a time; may be shared by threads.

    Args:
        sleep, clock: for tests; by default a sleep ends when ``stopped`` is set.

    Attributes:
        stopped: set, questions that are not answered yet are given up.

    Raises:
        UserError: the variable of the key is not set, or holds no key.
    """

    def __init__(
        self,
        settings: TeacherSettings,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        assert settings.url is not None
        self._settings = settings
        self._url = f"{settings.url}/chat/completions"
        self._key = _key(settings.api_key_env)
        self.stopped = Event()
        self._sleep = sleep or self.stopped.wait
        self._pace = Pace(settings.requests_per_minute, self._sleep, clock)
        # A redirect would take the key, or the question, to a place that nobody named.
        self._opener = urllib.request.build_opener(_NoRedirects)

    def ask(self, messages: Sequence[Message]) -> Reply | None:
        """The answer; None if every try gave a malformed one, or the work was stopped.

        Raises:
            UserError: the endpoint refuses the request, so that no other will do better.
            WorkError: it can't be reached, or stays busy.
        """
        settings = self._settings
        body = {
            "model": settings.model,
            "messages": list(messages),
            "temperature": settings.temperature,
            "max_tokens": settings.max_new_tokens,
        }
        what = ""
        for tried in range(settings.max_retries + 1):
            self._pace.wait()
            if self.stopped.is_set():
                return None
            wait = min(_MAX_WAIT, 2.0**tried) * random.uniform(0.5, 1)
            try:
                return _reply(self._post(body))
            except urllib.error.HTTPError as error:
                if error.code not in _BUSY:
                    hint = "check url, model and api_key_env"
                    raise UserError(
                        Problem(self._url, f"refuses the request: {_said(error)}", hint)
                    ) from None
                what, wait = _said(error), max(wait, _retry_after(error))
            except MalformedError as error:
                what = f"answers what is no completion: {error}"
            except (OSError, http.client.HTTPException) as error:
                what = _no_answer(error, settings.timeout)
            if tried < settings.max_retries:
                if wait > _MAX_WAIT:
                    what += f", and asks to wait {wait:,.0f} seconds"
                    break
                self._sleep(wait)
        if what.startswith("answers"):
            return None
        raise WorkError(f"{self._url}: {what}; what was answered so far is kept, so run it again to resume")

    def _post(self, body: dict[str, Any]) -> bytes:
        request = urllib.request.Request(self._url, json.dumps(body).encode(), method="POST")
        request.add_header("Content-Type", "application/json")
        if self._key:
            request.add_unredirected_header("Authorization", f"Bearer {self._key}")
        with self._opener.open(request, timeout=self._settings.timeout) as response:
            content: bytes = response.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise MalformedError(f"more than {_MAX_BYTES:,} bytes")
        return content


class Pace:
    """Lets so many pass per minute, evenly."""

    def __init__(
        self, per_minute: float | None, sleep: Callable[[float], object], clock: Callable[[], float]
    ) -> None:
        self._gap = 60 / per_minute if per_minute else 0.0
        self._sleep, self._clock, self._lock = sleep, clock, Lock()
        self._next = clock()

    def wait(self) -> None:
        """Until it is one's turn."""
        if not self._gap:
            return
        with self._lock:
            now = self._clock()
            at = max(now, self._next)
            self._next = at + self._gap
        if at > now:
            self._sleep(at - now)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def _key(variable: str | None) -> str:
    if variable is None:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        what = f"the environment variable {variable} holds no key"
        raise UserError(Problem("", what, f"export {variable}=…", at=("teacher", "api_key_env")))
    return key


def _reply(content: bytes) -> Reply:
    try:
        choice = json.loads(content)["choices"][0]
        text = choice["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise MalformedError(type(error).__name__) from None
    if not isinstance(text, str):
        raise MalformedError("no text")
    return Reply(text, choice.get("finish_reason") != "length")


def _said(error: urllib.error.HTTPError) -> str:
    with error:
        return f"HTTP {error.code} {error.reason}"


def _retry_after(error: urllib.error.HTTPError) -> float:
    """Seconds that the endpoint asks to wait: given as a number, or as a date."""
    value = (error.headers.get("Retry-After") or "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0


def _no_answer(error: Exception, timeout: float) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return f"no answer within {timeout:g} seconds"
    return f"no answer: {getattr(reason, 'strerror', None) or type(reason).__name__}"
