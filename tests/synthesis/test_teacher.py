"""A teacher at an endpoint that is slow, busy or wrong, and one on this machine."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import ValidationError

from scl_rl.errors import UserError, WorkError
from scl_rl.reporter import QUIET
from scl_rl.synthesis.make import synthesize
from scl_rl.synthesis.settings import FilterSettings, SynthesisSettings
from scl_rl.synthesis.teacher.ask import teach
from scl_rl.synthesis.teacher.cache import AnswerCache
from scl_rl.synthesis.teacher.endpoint import Endpoint, Pace
from scl_rl.synthesis.teacher.questions import Question, Reply, questions, wordings
from scl_rl.synthesis.teacher.settings import STYLES, TeacherSettings

MESSAGES = [{"role": "user", "content": "?"}]


def completion(text: str, reason: str = "stop") -> bytes:
    return json.dumps({"choices": [{"message": {"content": text}, "finish_reason": reason}]}).encode()


GOOD = completion("raised pressure\nhigh BP")


class Stub(ThreadingHTTPServer):
    """Answers with what it was given, one after the other, the last one again and again."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script, self.seen, self.keys = [GOOD], [], []
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.keys.append((self.path, self.headers.get("Authorization")))
        step = self.server.script.pop(0) if len(self.server.script) > 1 else self.server.script[0]
        if callable(step):
            step(self)
            return
        send(self, 200, step)

    do_GET = do_POST

    def log_message(self, *args):
        """Nothing."""


def send(handler, status, body=b"", **headers):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def busy(retry_after):
    return lambda handler: send(handler, 429, Retry_After=retry_after)


def slow(handler):
    time.sleep(0.5)


def cut_off(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(GOOD)))
    handler.end_headers()
    handler.wfile.write(GOOD[: len(GOOD) // 2])


@pytest.fixture
def stub():
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def settings(stub, **changes):
    fields = {"model": "m", "url": stub.url, "timeout": 0.2, "cache": False, "styles": ["lay"], **changes}
    return TeacherSettings(**fields)


def asked(stub, **changes):
    """The reply, and how long was waited before each further try."""
    waits = []
    return Endpoint(settings(stub, **changes), sleep=waits.append).ask(MESSAGES), waits


def test_a_question_and_its_answer(stub):
    assert asked(stub, temperature=0.5)[0] == Reply("raised pressure\nhigh BP", True)
    assert stub.seen == [{"model": "m", "messages": MESSAGES, "temperature": 0.5, "max_tokens": 200}]
    assert stub.keys == [("/v1/chat/completions", None)]


@pytest.mark.parametrize("trouble", [slow, cut_off, b"<html>", b'{"choices": []}', completion(None)])
def test_what_goes_wrong_once_is_asked_again(stub, trouble):
    stub.script = [trouble, GOOD]
    reply, waits = asked(stub)
    assert reply is not None and reply.finished and len(waits) == 1 and 0.5 <= waits[0] <= 1


def test_a_busy_endpoint_is_given_the_time_that_it_asks_for(stub):
    stub.script = [busy("7"), busy("Thu, 01 Jan 1970 00:00:00 GMT"), busy("soon"), GOOD]
    reply, (first, second, third) = asked(stub)
    assert reply is not None and first == 7 and 1 <= second <= 2 and 2 <= third <= 4


def test_an_endpoint_that_stays_busy_ends_the_work(stub):
    stub.script = [busy("1")]
    with pytest.raises(WorkError, match=r"HTTP 429 .*run it again to resume"):
        asked(stub, max_retries=2)
    assert len(stub.seen) == 3
    stub.script = [busy("86400")]
    with pytest.raises(WorkError, match="asks to wait 86,400 seconds"):
        asked(stub)


def test_an_endpoint_that_is_never_right_costs_the_question_alone(stub):
    stub.script = [b"{}"]
    assert asked(stub, max_retries=1)[0] is None


def test_a_refusal_ends_the_work_at_once(stub, monkeypatch):
    monkeypatch.setenv("TEACHER_KEY", "secret-key")
    stub.script = [lambda handler: send(handler, 401)]
    with pytest.raises(UserError, match=r"refuses the request: HTTP 401 .*check url, model") as caught:
        asked(stub, api_key_env="TEACHER_KEY")
    assert stub.keys == [("/v1/chat/completions", "Bearer secret-key")]
    assert "secret-key" not in str(caught.value)


def test_a_redirect_is_not_followed(stub, monkeypatch):
    monkeypatch.setenv("TEACHER_KEY", "secret-key")
    stub.script = [lambda handler: send(handler, 302, Location=f"{stub.url}/elsewhere")]
    with pytest.raises(UserError, match="HTTP 302"):
        asked(stub, api_key_env="TEACHER_KEY")
    assert len(stub.keys) == 1


def test_nobody_there():
    teacher = TeacherSettings(model="m", url="http://127.0.0.1:9", max_retries=0)
    with pytest.raises(WorkError, match=r"http://127.0.0.1:9/chat/completions: no answer: "):
        Endpoint(teacher).ask(MESSAGES)


@pytest.mark.parametrize("value", [None, "", "two\nlines", "schlüssel"])
def test_a_key_that_is_none_is_named_and_not_shown(stub, monkeypatch, value):
    monkeypatch.delenv("TEACHER_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("TEACHER_KEY", value)
    with pytest.raises(UserError, match="TEACHER_KEY holds no key"):
        Endpoint(settings(stub, api_key_env="TEACHER_KEY"))


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://me:secret@host/v1", "host:80", "http://h/v1?k=1"]
)
def test_only_plain_urls(url):
    with pytest.raises(ValidationError, match="should be http"):
        TeacherSettings(model="m", url=url)


def test_requests_are_evenly_spaced():
    now, waits = [0.0], []

    def sleep(seconds):
        waits.append(seconds)
        now[0] += seconds

    pace = Pace(120, sleep, lambda: now[0])
    for _ in range(4):
        pace.wait()
    assert waits == [0.5, 0.5, 0.5]
    now[0] += 10
    pace.wait()
    assert len(waits) == 3


def test_work_that_was_interrupted_resumes_and_asks_nothing_twice(stub, tmp_path):
    cache, teacher = tmp_path / "private" / "answers.jsonl", settings(stub, concurrency=1, max_retries=0)
    stub.script = [GOOD, lambda handler: send(handler, 503)]
    with pytest.raises(WorkError):
        teach(["I10", "N20.0", "R51.9"], teacher, 0, tmp_path, cache=cache)
    stub.script, before = [GOOD], len(stub.seen)
    done = teach(["I10", "N20.0", "R51.9"], teacher, 0, tmp_path, cache=cache)
    assert (done.asked, done.cached, len(stub.seen) - before) == (3, 1, 2)
    again = teach(["I10", "N20.0", "R51.9"], teacher, 0, tmp_path, cache=cache)
    assert again.cached == 3 and again.candidates == done.candidates
    assert oct(cache.stat().st_mode)[-3:] == "600"
    assert teach(["I10"], teacher, 1, tmp_path, cache=cache).cached == 0  # another seed is another question


def test_a_cache_that_was_cut_off_is_used_as_far_as_it_goes(tmp_path):
    path = tmp_path / "answers.jsonl"
    kept = AnswerCache(path)
    kept.add("a", Reply("x", True))
    kept.add("b", Reply("y", False))
    kept.close()
    path.write_bytes(path.read_bytes()[:-9])
    kept = AnswerCache(path)
    assert kept.get("a") == Reply("x", True) and kept.get("b") is None
    kept.add("c", Reply("z", True))
    kept.close()
    assert AnswerCache(path).get("c") == Reply("z", True)


def test_no_line_of_an_answer_is_trusted():
    question = Question("I10", "lay", MESSAGES)
    text = """Here are five ways:
1. high blood pressure
- "raised BP",
raised  bp
* essential (primary) hypertension
hypertension I10
see https://example.org
[name], hypertensive
my pressure has been much too high for as long as I can remember, doctor
\x1b[31mpressure
cut o"""
    refused = Counter()
    found = [c.text for c in wordings(question, Reply(text, False), "m", refused)]
    assert found == ["high blood pressure", "raised BP"]
    assert refused == {
        **{"a remark": 1, "repeated": 2, "names a code": 1, "no wording": 3, "too long": 1, "cut off": 1}
    }


def test_questions_are_about_the_tables_and_of_every_style():
    teacher = TeacherSettings(model="m")
    asked_ = list(questions(["N20.0"], teacher))
    assert [question.style for question in asked_] == list(STYLES)
    texts = [question.messages[1]["content"] for question in asked_]
    assert len(set(texts)) == len(STYLES)
    assert all("Calculus of kidney" in text and "Staghorn calculus" in text for text in texts)
    assert all("N20" not in text and "{" not in text for text in texts)


def test_a_teacher_makes_spans_that_say_who_wrote_them(stub):
    stub.script = [completion("stone trouble\nKidney stone pain", "stop")]
    asked_ = SynthesisSettings(
        how=["teacher"],
        teacher=settings(stub, styles=["lay", "formal"]),
        codes=["N20.0"],
        filters=FilterSettings(ambiguous=False, near=None),
    )
    made = synthesize(asked_, [], [], 0)
    assert [(span.text, span.style, span.teacher, span.source) for span in made.spans] == [
        ("stone trouble", "lay", "m", "teacher"),
        ("Kidney stone pain", "lay", "m", "teacher"),
    ]
    assert made.report()["teacher"] == {"questions": 2, "from_cache": 0, "failed": 0, "refused": {}}


def test_a_teacher_needs_a_model():
    with pytest.raises(ValidationError, match="needs a section 'teacher'"):
        SynthesisSettings(how=["teacher"])


def test_a_model_on_this_machine_teaches_too(tmp_path):
    pytest.importorskip("torch")
    from tests.support.tiny import make_tiny_model

    make_tiny_model(tmp_path / "tiny")
    teacher = TeacherSettings(model="./tiny", max_new_tokens=12, styles=["lay"], temperature=0.1)
    done = teach(["I10"], teacher, 0, tmp_path, QUIET, cache=tmp_path / "answers.jsonl")
    assert (done.asked, done.cached) == (1, 0)
    assert teach(["I10"], teacher, 0, tmp_path / "gone", QUIET, cache=tmp_path / "answers.jsonl").cached == 1
