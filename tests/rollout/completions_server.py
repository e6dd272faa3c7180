"""A real HTTP server on a loopback port: OpenAI's completions API as vLLM answers it, sampled by our own TorchEngine.

`plan` holds what goes wrong with the next requests, one entry each: a status, or what `_answer` and `do_POST` know.
"""

import json
import math
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import torch
from safetensors.torch import load_file

from assay.core.types import Message
from assay.rollout.engine import Request, Sampling
from assay.rollout.torch_engine import TorchEngine

NAME = "letters"
MODEL = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,))
"""The one thread in which models run, whatever server they belong to: a forward pass changes what its model looks at."""


class Tokens(TorchEngine):
    """Prompts come as token ids: a message that lists them."""

    def render(self, prompt):
        return tuple(json.loads(prompt[0].content))


class CompletionsServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, loaded, key=None, raw_logprobs=False):
        super().__init__(("127.0.0.1", 0), Handler)
        self.loaded, self.key, self.raw_logprobs = loaded, key, raw_logprobs
        self.engine = Tokens(loaded)
        self.plan, self.asked, self.under_way, self.most_under_way = deque(), [], 0, 0
        self.has_stale_prefixes = False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request, client_address):
        """A client that goes away is no news."""

    def complete(self, body, fault):
        sampling = Sampling(
            body["max_tokens"],
            temperature=body["temperature"],
            top_p=body["top_p"],
            top_k=max(0, body["top_k"]),
            stop=tuple(body["stop"]),
        )
        request = Request((Message("user", json.dumps(body["prompt"])),), 1, body["seed"], ())
        found = MODEL.submit(self.engine.generate, [request], sampling).result()[0][0]
        shown = 1.0 if self.raw_logprobs else sampling.temperature
        best = MODEL.submit(self.likeliest, body["prompt"], shown).result() if body["logprobs"] else None
        tokens = list(found.tokens)
        choice = {
            "index": 0,
            "text": found.text,
            "finish_reason": found.finish,
            "stop_reason": None,
            "prompt_token_ids": body["prompt"],
            "token_ids": tokens,
            "logprobs": {
                "tokens": [f"token_id:{each}" for each in tokens],
                "token_logprobs": list(found.logprobs),
                "top_logprobs": [best] + [None] * (len(tokens) - 1),
            },
        }
        match fault:
            case "no token ids":
                del choice["token_ids"]
                choice["logprobs"]["tokens"] = list(found.text)
            case "ids in the log-probs only":
                del choice["token_ids"]
            case "no log-probs":
                choice["logprobs"] = None
            case "a log-prob missing":
                choice["logprobs"]["token_logprobs"][0] = None
            case "another prompt":
                choice["prompt_token_ids"] = body["prompt"][1:]
            case "abort":
                choice |= {"finish_reason": "abort", "token_ids": tokens[:1]}
                choice["logprobs"]["token_logprobs"] = list(found.logprobs[:1])
            case "no end token":
                choice |= {"finish_reason": "stop", "token_ids": [tokens[0]]}
                choice["logprobs"]["token_logprobs"] = [found.logprobs[0]]
            case "error":
                choice["finish_reason"] = "error"
            case "no choices":
                return {"choices": []}
        return {"id": "cmpl-1", "object": "text_completion", "model": NAME, "choices": [choice]}

    def likeliest(self, prompt, temperature):
        with torch.no_grad():
            logits = self.loaded.model(torch.tensor([prompt])).logits[0, -1] / (temperature or 1.0)
        value, token = logits.log_softmax(-1).max(-1)
        return {f"token_id:{int(token)}": float(value) if math.isfinite(value) else None}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply(200, {"object": "list", "data": [{"id": NAME, "object": "model"}]})

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append((self.path, body))
        if server.key and self.headers.get("Authorization") != f"Bearer {server.key}":
            return self.reply(401, {"error": {"message": "Unauthorized"}})
        if self.path == "/collective_rpc" and body["method"] == "reload_weights":
            files = sorted(Path(body["kwargs"]["weights_path"]).glob("*.safetensors"))
            weights = {name: tensor for file in files for name, tensor in load_file(file).items()}
            MODEL.submit(server.loaded.model.load_state_dict, weights).result()
            server.has_stale_prefixes = True
            return self.reply(200, {"results": [None]})
        if self.path == "/reset_prefix_cache":
            is_done = not (server.plan and server.plan[0] == "busy" and server.plan.popleft())
            server.has_stale_prefixes = server.has_stale_prefixes and not is_done
            return self.reply(200, {"success": is_done})
        if self.path != "/v1/completions":
            return self.reply(404, {"detail": "Not Found"})
        fault = server.plan.popleft() if server.plan else None
        server.under_way += 1
        server.most_under_way = max(server.most_under_way, server.under_way)
        try:
            return self.complete(body, fault)
        finally:
            server.under_way -= 1

    def complete(self, body, fault):
        match fault:
            case int():
                return self.reply(fault, {"error": {"message": "the model is loading", "code": fault}})
            case "disconnect":
                self.close_connection = True
                return self.connection.close()
            case "cut off":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"choices": [')
                self.close_connection = True
                return None
            case "not JSON":
                return self.send(200, b"<html>busy</html>", "text/html")
            case float():
                time.sleep(fault)
        return self.reply(200, self.server.complete(body, fault))

    def reply(self, status, found):
        self.send(status, json.dumps(found).encode(), "application/json")

    def send(self, status, content, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if status == 429:
            self.send_header("Retry-After", "0.05")
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(loaded, **how):
    server = CompletionsServer(loaded, **how)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
