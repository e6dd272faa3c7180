"""One server over HTTP: JSON in, JSON out, what passes by itself tried again, and one sentence for all else.

Lost connections, time-outs, 5xx, 408 and 429 are tried again with a growing pause (a Retry-After is kept to). Any other
4xx is an answer, and would be the same the next time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from assay.core.config import ServerConfig
from assay.core.errors import ConfigError, EngineError, MissingExtra

log = logging.getLogger(__name__)

PASSING = frozenset({408, 425, 429})  # statuses under 500 that a later try may not meet
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds
CONNECT = 10.0  # seconds to reach the server

T = TypeVar("T")


class Session:
    """An open client, for as many requests at once as one likes."""

    def __init__(self, config: ServerConfig, url: str, http: Any, client: Any) -> None:
        self._config, self._url, self._http, self._client = config, url, http, client

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer's object ({} for an empty one); `path` is added to the server's url, or is one. Raises EngineError."""
        url = path if path.startswith("http") else f"{self._url}{path}"
        tries = self._config.retries + 1
        why = ""
        for attempt in range(tries):
            pause = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE)
            try:
                response = await self._client.request(method, url, json=body)
            except self._http.TimeoutException:
                why = f"no answer within rollout.server.timeout = {self._config.timeout:g} s"
            except self._http.TransportError as error:
                why = str(error) or type(error).__name__
            else:
                if response.status_code < 400:
                    return _object(response, url)
                why = f"{response.status_code}, {_message(response)}"
                if response.status_code < 500 and response.status_code not in PASSING:
                    raise EngineError(f"{url} refused the request ({why}){_hint(response.status_code, url)}")
                pause = _retry_after(response) or pause
            if attempt + 1 < tries:
                log.warning("%s: %s; trying again in %.1f s", url, why, pause)
                await asyncio.sleep(pause)
        raise EngineError(f"{url} gives no answer that can be used, after {tries} tries: {why}")


class Connection:
    """How to reach one server. Nothing stays open between calls."""

    def __init__(self, config: ServerConfig) -> None:
        self._config, self._http = config, _httpx()
        self.url = config.url.rstrip("/")
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise ConfigError(
                f"rollout.server.url: {config.url!r} is no address; http://127.0.0.1:8000/v1 would be right"
            )
        self._headers = _headers(config)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        async with self._http.AsyncClient(
            headers=self._headers,
            timeout=self._http.Timeout(self._config.timeout, connect=min(CONNECT, self._config.timeout)),
            limits=self._http.Limits(max_connections=None, max_keepalive_connections=self._config.concurrency),
            trust_env=not _is_loopback(self.url),  # a proxy cannot reach this machine's own ports
        ) as client:
            yield Session(self._config, self.url, self._http, client)

    def get(self, path: str) -> dict[str, Any]:
        return self._once("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._once("POST", path, body)

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            async with self.session() as session:
                return await session.ask(method, path, body)

        return run(ask)


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of a coroutine, from code that may itself be run by an event loop (a notebook's)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


async def together(jobs: Sequence[Callable[[], Awaitable[T]]], at_once: int) -> list[T]:
    """The results of all jobs, in order, with at most `at_once` under way; the first failure ends the others."""
    free = asyncio.Semaphore(at_once)

    async def one(job: Callable[[], Awaitable[T]]) -> T:
        async with free:
            return await job()

    tasks = [asyncio.ensure_future(one(job)) for job in jobs]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _httpx() -> Any:
    try:
        import httpx2
    except ImportError:
        raise MissingExtra("httpx2", "remote", 'rollout.engine = "server"') from None
    return httpx2


def _headers(config: ServerConfig) -> dict[str, str]:
    if config.api_key_env is None:
        return {}
    key = os.environ.get(config.api_key_env)
    if not key:
        raise ConfigError(
            f"rollout.server.api_key_env: the environment variable {config.api_key_env} is not set: put the key into it"
        )
    return {"Authorization": f"Bearer {key}"}


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _object(response: Any, url: str) -> dict[str, Any]:
    if not response.content:
        return {}
    try:
        found = response.json()
    except ValueError:
        raise EngineError(f"{url} answered with something other than JSON: {response.text[:80]!r}") from None
    if not isinstance(found, dict):
        raise EngineError(f"{url} answered with something other than a JSON object: {response.text[:80]!r}")
    return found


def _message(response: Any) -> str:
    """What the server says was wrong, in one line."""
    try:
        found = response.json()
    except ValueError:
        found = response.text
    if isinstance(found, dict):
        found = found.get("error", found.get("detail", found.get("message", found)))
    if isinstance(found, dict):
        found = found.get("message", found)
    return " ".join(str(found).split())[:200] or "without a word"


def _hint(status: int, url: str) -> str:
    if status in (401, 403):
        return (
            ": put its API key into an environment variable, and that variable's name into rollout.server.api_key_env"
        )
    if status == 404 and not url.endswith(("/completions", "/models")):
        return ": a vLLM server started with VLLM_SERVER_DEV_MODE=1 has this address"
    return ""


def _retry_after(response: Any) -> float | None:
    try:
        return min(60.0, max(0.0, float(response.headers.get("Retry-After", ""))))
    except ValueError:
        return None
