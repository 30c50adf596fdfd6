import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

pytest.importorskip("requests")
from tfmat.datasets.fetching import http as fetch_http
from tfmat.datasets.fetching.http import Pace, PoliteSession, ServiceError
from tfmat.datasets.fetching.reach import Reach
from tfmat.retry import retry_after


@pytest.fixture(autouse=True)
def _loopback(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(dict(self.headers))
        status, headers = self.server.answers.pop(0) if self.server.answers else (200, {})
        self.send_response(status)
        for name, value in {"content-length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def servers():
    started = []
    for _ in range(2):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.seen, server.answers = [], []
        server.url = f"http://127.0.0.1:{server.server_address[1]}/"
        Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
    yield started
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def slept(monkeypatch):
    """Seconds that would have been slept."""
    seconds = []
    monkeypatch.setattr(fetch_http.time, "sleep", seconds.append)
    return seconds


def test_waits_as_long_as_the_server_asks_and_else_longer_each_time(servers, slept):
    server = servers[0]
    server.answers = [(429, {"retry-after": "7"}), (503, {}), (502, {}), (200, {})]
    said = []
    pace = Pace(1000, first_wait=3)
    pace.on_wait = said.append
    assert PoliteSession(pace).get(server.url).status_code == 200
    waits = [seconds for seconds in slept if seconds >= 1]
    assert waits == [7.0, 6.0, 12.0]
    assert pace.requests == 4
    assert said[0].startswith("waiting 7 s: 127.0.0.1")
    assert "429" in said[0]


def test_a_server_that_stays_busy_ends_the_work(servers, slept):
    servers[0].answers = [(503, {})] * 10
    pace = Pace(1000, retries=3)
    with pytest.raises(ServiceError, match=r"503.*4 times.*again"):
        PoliteSession(pace).get(servers[0].url)
    assert len(servers[0].seen) == 4
    assert pace.failure is not None
    assert ServiceError.exit_code == 1


def test_a_long_pause_is_not_waited_for(servers, slept):
    servers[0].answers = [(429, {"retry-after": "86400"})]
    with pytest.raises(ServiceError, match="pause of 86400 s"):
        PoliteSession(Pace(1000)).get(servers[0].url)
    assert len(servers[0].seen) == 1


def test_requests_keep_their_distance(servers, slept):
    session = PoliteSession(Pace(0.25))
    for _ in range(3):
        session.get(servers[0].url)
    # The sleeps are not slept: each is close to the whole distance.
    assert [round(seconds) for seconds in slept] == [4, 4]


def test_a_host_that_never_answered_is_not_asked_again(slept):
    pace = Pace(1000)
    with pytest.raises(ServiceError, match="check the address"):
        PoliteSession(pace).get("http://127.0.0.1:9/")
    with pytest.raises(ServiceError, match="no known host"):
        PoliteSession(pace).get("http://nowhere.invalid/")
    assert pace.requests == 2


def test_a_server_that_says_nothing():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        with pytest.raises(ServiceError, match=r"does not answer in time .*, 2 times"):
            # The timeout of the caller does not count.
            PoliteSession(Pace(1000, timeout=0.1, retries=1, first_wait=0)).get(url, timeout=1000)


def test_nothing_follows_to_another_host(servers):
    here, there = servers
    here.answers = [(302, {"location": there.url}), (302, {"location": here.url}), (200, {})]
    session = PoliteSession(Pace(1000))
    session.headers["x-api-key"] = "secret"
    with pytest.raises(ServiceError, match=rf"sends us to {there.url}, another host"):
        session.get(here.url)
    assert there.seen == []
    session.get(here.url)
    assert "secret" in str(here.seen[-1])


@pytest.mark.parametrize(
    ("home", "url", "obstacle"),
    [
        ("http://a.example", "http://a.example/v1?x=1", None),
        ("http://a.example:80/x", "http://a.example", None),
        ("http://a.example", "https://a.example", None),
        ("http://a.example:8080", "https://a.example", "another host"),
        ("https://a.example", "http://a.example", "from https to http"),
        ("https://a.example", "https://b.example", "another host"),
        ("https://a.example", "https://a.example.b.example", "another host"),
        ("https://a.example", "https://a.example:444", "another host"),
        ("https://a.example", "https://a.example@b.example/", "a user and password"),
        ("https://a.example", "https://me:hush@a.example/", "a user and password"),
        ("https://a.example", "https://b.example\\@a.example/", "a user and password"),
        ("https://a.example", "file:///etc/passwd", "no address of the web"),
        ("https://a.example", "https://a.example:x", "no address"),
        ("https://a.example", "https://[::1", "no address"),
        ("https://a.example", "https://c.example/db/v1/structures", None),
        ("https://a.example", "https://c.example/db2", "another host"),
    ],
)
def test_where_a_fetch_may_go(home, url, obstacle):
    reach = Reach(home)
    reach.admit(["https://c.example/db/"])
    found = reach.obstacle(url)
    assert (found is None) if obstacle is None else obstacle in found
    assert "hush" not in str(found)


@pytest.mark.parametrize(
    ("value", "seconds"), [("5", 5.0), ("-3", 0.0), ("soon", None), (None, None)]
)
def test_retry_after(value, seconds):
    assert retry_after(value) == seconds


def test_retry_after_as_a_date():
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 80 < retry_after(later) <= 90
    assert retry_after(format_datetime(datetime.now(UTC) - timedelta(days=1))) == 0
