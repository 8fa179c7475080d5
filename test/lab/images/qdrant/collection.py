"""One collection: a shard of the library, and what the routes below it do."""

import json
import os
import threading

import qdrant_edge as edge

from conversions import DISTANCES, MODES, Refusal, conditions, given, index_params, named, number, record, selector


class Collection:
    def __init__(self, folder, config=None):
        self.folder = folder
        self.lock = threading.Lock()
        self.changed = False
        path = os.path.join(folder, "described.json")
        if config is not None:
            os.makedirs(os.path.join(folder, "shard"), exist_ok=True)
            self.described = config
            self.shard = edge.EdgeShard.create(os.path.join(folder, "shard"), self.settings())
            self.describe()
        else:
            with open(path, encoding="utf8") as file:
                self.described = json.load(file)
            self.shard = edge.EdgeShard.load(os.path.join(folder, "shard"))

    def settings(self):
        hnsw = self.described.get("hnsw_config") or {}
        optimizers = self.described.get("optimizers_config") or {}
        return edge.EdgeConfig(
            # The library wants one vector at least, the server does not.
            sparse_vectors={"-": edge.EdgeSparseVectorParams()},
            vectors={name: edge.EdgeVectorParams(size=one["size"], distance=DISTANCES[one["distance"]]) for name, one in self.described["vectors"].items()},
            hnsw_config=edge.HnswIndexConfig(
                m=hnsw.get("m", 16),
                ef_construct=hnsw.get("ef_construct", 100),
                full_scan_threshold=hnsw.get("full_scan_threshold", 10_000),
                payload_m=hnsw.get("payload_m"),
            ),
            optimizers=given(edge.EdgeOptimizersConfig, optimizers, ["indexing_threshold", "default_segment_number"]),
        )

    def describe(self):
        path = os.path.join(self.folder, "described.json")
        with open(path + ".new", "w", encoding="utf8") as file:
            json.dump(self.described, file)
        os.replace(path + ".new", path)

    def settle(self):
        """Vectors came or went. The library does not open a shard whose segments were killed while some knew of it and others did not."""
        self.shard.flush()
        self.describe()

    def update(self, operation):
        self.shard.update(operation)
        self.changed = True

    def optimize(self):
        """Builds indexes, as the server's optimizers do by themselves."""
        with self.lock:
            if self.changed:
                self.changed = False
                self.shard.optimize()

    def vectors(self, vector):
        if isinstance(vector, list):
            vector = {"": vector}
        for name, values in vector.items():
            known = self.described["vectors"].get(name)
            if known is None:
                raise Refusal(400, f"Wrong input: Not existing vector name error: {name}")
            if len(values) != known["size"]:
                raise Refusal(400, f"Wrong input: Vector dimension error: expected dim: {known['size']}, got {len(values)}")
        return vector

    # What a route does; each is given the request's body.

    def info(self, _):
        info = self.shard.info()
        return {
            "status": "yellow" if self.changed else "green",
            "optimizer_status": "ok",
            "points_count": info.points_count,
            "indexed_vectors_count": info.indexed_vectors_count,
            "segments_count": info.segments_count,
            "config": {"params": {"vectors": self.described["vectors"], "shard_number": 1, "replication_factor": 1}, **{name: self.described.get(name) for name in ("hnsw_config", "optimizers_config")}},
            "payload_schema": {name: {"data_type": str(one.data_type).split(".")[-1].lower(), "points": one.points} for name, one in info.payload_schema.items()},
        }

    def index(self, body):
        self.update(edge.UpdateOperation.create_field_index(body["field_name"], index_params(body["field_schema"])))
        return self.done()

    def add_vector(self, name, body):
        dense = body.get("dense", body)
        if name not in self.described["vectors"]:
            self.update(edge.UpdateOperation.create_dense_vector(name, dense["size"], DISTANCES[dense["distance"]]))
            self.described["vectors"][name] = {"size": dense["size"], "distance": dense["distance"]}
            self.settle()
        return self.done()

    def remove_vector(self, name):
        if self.described["vectors"].pop(name, None) is None:
            raise Refusal(400, f"Wrong input: Not existing vector name error: {name}")
        self.update(edge.UpdateOperation.delete_vector_name(name))
        self.settle()
        return self.done()

    def upsert(self, body):
        points = [edge.Point(one["id"], self.vectors(one.get("vector") or {}), number(one.get("payload") or {})) for one in body["points"]]
        self.update(edge.UpdateOperation.upsert_points(points, conditions(body.get("update_filter")), MODES[body.get("update_mode") or "upsert"]))
        return self.done()

    def delete(self, body):
        if "points" in body:
            self.update(edge.UpdateOperation.delete_points(body["points"]))
        else:
            self.update(edge.UpdateOperation.delete_points_by_filter(conditions(body["filter"])))
        return self.done()

    def delete_vectors(self, body):
        if "points" in body:
            self.update(edge.UpdateOperation.delete_vectors(body["points"], body["vector"]))
        else:
            self.update(edge.UpdateOperation.delete_vectors_by_filter(conditions(body["filter"]), body["vector"]))
        return self.done()

    def set_payload(self, body):
        if "points" in body:
            self.update(edge.UpdateOperation.set_payload(body["points"], number(body["payload"]), body.get("key")))
        else:
            self.update(edge.UpdateOperation.set_payload_by_filter(conditions(body["filter"]), number(body["payload"]), body.get("key")))
        return self.done()

    def batch(self, body):
        for operation in body["operations"]:
            for name, given in operation.items():
                BATCHED[name](self, given)
        return [self.done() for _ in body["operations"]]

    def retrieve(self, body):
        found = self.shard.retrieve(body["ids"], selector(body.get("with_payload", True)), body.get("with_vector", False))
        return [record(one) for one in found]

    def scroll(self, body):
        asked = edge.ScrollRequest(
            offset=body.get("offset"),
            limit=body.get("limit") or 10,
            filter=conditions(body.get("filter")),
            with_payload=selector(body.get("with_payload", True)),
            with_vector=body.get("with_vector", False),
        )
        found, following = self.shard.scroll(asked)
        return {"points": [record(one) for one in found], "next_page_offset": None if following is None else named(following)}

    def count(self, body):
        return {"count": self.shard.count(given(edge.CountRequest, {"filter": conditions(body.get("filter")), "exact": body.get("exact", True)}, ["filter", "exact"]))}

    def facet(self, body):
        found = self.shard.facet(edge.FacetRequest(body["key"], body.get("limit") or 10, bool(body.get("exact")), conditions(body.get("filter"))))
        return {"hits": [{"value": one.value, "count": one.count} for one in found.hits]}

    def query(self, body):
        vector, using = body["query"], body.get("using")
        if isinstance(vector, dict):
            vector = vector["nearest"]
        self.vectors({using or "": vector})
        params = body.get("params") or {}
        found = self.shard.query(
            edge.QueryRequest(
                limit=body.get("limit") or 10,
                query=edge.Query.Nearest(vector, using),
                filter=conditions(body.get("filter")),
                score_threshold=body.get("score_threshold"),
                with_payload=selector(body.get("with_payload", False)),
                with_vector=body.get("with_vector", False),
                params=edge.SearchParams(
                    hnsw_ef=params.get("hnsw_ef"),
                    exact=bool(params.get("exact")),
                    acorn=given(edge.AcornSearchParams, params.get("acorn") or {}, ["enable", "max_selectivity"]),
                ),
            )
        )
        return {"points": [{**record(one), "version": one.version, "score": one.score} for one in found]}

    def done(self):
        return {"operation_id": 0, "status": "completed"}


BATCHED = {"set_payload": Collection.set_payload, "upsert": Collection.upsert, "delete": Collection.delete}
ACTS = {
    ("POST", "/points/batch"): Collection.batch,
    ("PUT", "/index"): Collection.index,
    ("PUT", "/points"): Collection.upsert,
    ("POST", "/points"): Collection.retrieve,
    ("POST", "/points/delete"): Collection.delete,
    ("POST", "/points/vectors/delete"): Collection.delete_vectors,
    ("POST", "/points/payload"): Collection.set_payload,
    ("POST", "/points/scroll"): Collection.scroll,
    ("POST", "/points/count"): Collection.count,
    ("POST", "/points/query"): Collection.query,
    ("POST", "/facet"): Collection.facet,
}
