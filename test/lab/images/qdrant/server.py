"""
Qdrant's REST interface over Qdrant Edge, which is Qdrant's own shard engine as a library: filters, scores, conditions of writes, payload and vector
indexes and storage are the product's code. Routes, JSON and the words of errors are written here, after the published API of 1.19. One request at a
time; no gRPC, snapshots, cluster or aliases.
"""

import json
import os
import re
import shutil
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from collection import ACTS, Collection
from conversions import Refusal

VERSION = "1.19.0"
STORAGE = os.environ.get("QDRANT__STORAGE__STORAGE_PATH", "/qdrant/storage")
MAX_BYTES = int(os.environ.get("QDRANT__SERVICE__MAX_REQUEST_SIZE_MB", "32")) << 20
UNLOCKED = {"/healthz", "/livez", "/readyz"}
# What a key that only reads may POST.
READS = ("/points", "/points/scroll", "/points/count", "/points/query", "/facet")


class Server:
    def __init__(self, key, reading_key):
        self.key = key
        self.reading_key = reading_key
        self.lock = threading.Lock()
        self.collections = {}
        os.makedirs(STORAGE, exist_ok=True)
        for name in sorted(os.listdir(STORAGE)):
            folder = os.path.join(STORAGE, name)
            if os.path.exists(os.path.join(folder, "described.json")):
                self.collections[name] = Collection(folder)
        threading.Thread(target=self.optimize, daemon=True).start()

    def optimize(self):
        while True:
            time.sleep(0.5)
            for one in list(self.collections.values()):
                one.optimize()

    def answer(self, method, path, body):
        if path == "/":
            return {"title": "qdrant - vector search engine", "version": VERSION}
        if path == "/collections" and method == "GET":
            return {"result": {"collections": [{"name": name} for name in self.collections]}}
        at = re.fullmatch(r"/collections/([^/]+)(/.*)?", path)
        if not at:
            raise Refusal(404, "")
        name, rest = unquote(at[1]), at[2] or ""
        if rest == "/exists":
            return {"result": {"exists": name in self.collections}}
        if method == "PUT" and rest == "":
            with self.lock:
                if name in self.collections:
                    raise Refusal(409, f"Wrong input: Collection `{name}` already exists!")
                vectors = body.get("vectors") or {}
                named = {"": vectors} if "size" in vectors else vectors
                self.collections[name] = Collection(os.path.join(STORAGE, name), {**body, "vectors": named})
            return {"result": True}
        collection = self.collections.get(name)
        if collection is None:
            raise Refusal(404, f"Not found: Collection `{name}` doesn't exist!")
        if method == "DELETE" and rest == "":
            with self.lock, collection.lock:
                del self.collections[name]
                collection.shard.close()
                shutil.rmtree(collection.folder)
            return {"result": True}
        vector = re.fullmatch(r"/vectors/([^/]+)", rest)
        with collection.lock:
            if method == "GET" and rest == "":
                return {"result": collection.info(body)}
            if vector and method == "PUT":
                return {"result": collection.add_vector(unquote(vector[1]), body)}
            if vector and method == "DELETE":
                return {"result": collection.remove_vector(unquote(vector[1]))}
            act = ACTS.get((method, rest))
            if act is None:
                raise Refusal(404, "")
            return {"result": act(collection, body)}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "qdrant"
    # Headers and body in two packets would wait for each other.
    disable_nagle_algorithm = True

    def handle_any(self):
        started = time.time()
        path = urlsplit(self.path).path
        size = int(self.headers.get("content-length") or 0)
        if size > MAX_BYTES:
            self.close_connection = True
            return self.say(413, {"status": {"error": f"Payload error: JSON payload ({size} bytes) is larger than allowed (limit: {MAX_BYTES} bytes)."}})
        raw = self.rfile.read(size)
        if path in UNLOCKED:
            return self.say(200, "all shards are ready")
        key = self.headers.get("api-key") or (self.headers.get("authorization") or "").removeprefix("Bearer ")
        known = [one for one in (server.key, server.reading_key) if one]
        if known and key not in known:
            return self.say(401, "Invalid API key or JWT" if key else "Must provide an API key or an Authorization bearer token")
        try:
            if known and key != server.key and self.command != "GET" and not (self.command == "POST" and path.endswith(READS)):
                raise Refusal(403, "Forbidden: Write access is required")
            answer = server.answer(self.command, path, json.loads(raw) if raw else {})
            self.say(200, {**answer, "status": "ok", "time": time.time() - started})
        except Refusal as refusal:
            self.say(refusal.status, {"status": {"error": str(refusal)}, "time": time.time() - started})
        except (KeyError, TypeError, ValueError) as fault:
            self.say(400, {"status": {"error": f"Format error in JSON body: {fault!r}"}, "time": 0})
        except BaseException as fault:  # what the engine throws is no Exception
            print(repr(fault), file=sys.stderr, flush=True)
            self.say(500, {"status": {"error": f"Service internal error: {fault!r}"}, "time": 0})

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = handle_any

    def say(self, status, content):
        text = isinstance(content, str)
        body = (content if text else json.dumps(content)).encode()
        head = f"HTTP/1.1 {status} {self.responses.get(status, ('',))[0]}\r\ncontent-type: {'text/plain' if text else 'application/json'}\r\ncontent-length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def log_message(self, *_):
        pass


def settings():
    """What `--config-path` names: `service.api_key` and `service.read_only_api_key`, the settings that are read from there."""
    if "--config-path" not in sys.argv:
        return os.environ.get("QDRANT__SERVICE__API_KEY", ""), ""
    with open(sys.argv[sys.argv.index("--config-path") + 1], encoding="utf8") as file:
        text = file.read()
    found = (re.search(rf"^\s*{name}:\s*\"?([^\"\s]+)\"?\s*$", text, re.M) for name in ("api_key", "read_only_api_key"))
    return tuple(one[1] if one else "" for one in found)


server = Server(*settings())
listening = ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("QDRANT__SERVICE__HTTP_PORT", "6333"))), Handler)


def stop(*_):
    threading.Thread(target=listening.shutdown).start()


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
print(f"Qdrant Edge {VERSION}, listening on 6333", flush=True)
listening.serve_forever()
for one in server.collections.values():
    with one.lock:
        one.shard.close()
