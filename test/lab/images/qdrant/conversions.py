"""Between JSON as the published API has it and what the library takes and gives."""

import json

import qdrant_edge as edge


class Refusal(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def given(kind, value, names):
    """The binding's class of these fields, those that are there."""
    return kind(**{name: value[name] for name in names if value.get(name) is not None})


def number(value):
    """JSON's numbers as the server holds them: whole ones beyond 64 bits are floats."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return float(value)
    if isinstance(value, list):
        return [number(one) for one in value]
    if isinstance(value, dict):
        return {name: number(one) for name, one in value.items()}
    return value


def condition(one):
    if "is_empty" in one and isinstance(one["is_empty"], dict):
        return edge.IsEmptyCondition(one["is_empty"]["key"])
    if "is_null" in one and isinstance(one["is_null"], dict):
        return edge.IsNullCondition(one["is_null"]["key"])
    if "has_id" in one:
        return edge.HasIdCondition(set(one["has_id"]))
    if "has_vector" in one:
        return edge.HasVectorCondition(one["has_vector"])
    if "key" in one:
        if "match" in one:
            return edge.FieldCondition(one["key"], match=match(one["match"]))
        if "range" in one:
            return edge.FieldCondition(one["key"], range=given(edge.RangeFloat, one["range"], ["gt", "gte", "lt", "lte"]))
    if not one or set(one) <= {"must", "should", "must_not"}:
        return conditions(one)
    raise Refusal(400, f"Format error in JSON body: unknown condition {json.dumps(one)[:200]}")


def match(one):
    if "value" in one:
        if isinstance(one["value"], bool):
            # The binding takes it for a number, which nothing matches.
            raise Refusal(400, "this server matches no booleans")
        return edge.MatchValue(one["value"])
    if "any" in one:
        return edge.MatchAny(one["any"])
    if "except" in one:
        return edge.MatchExcept(one["except"])
    raise Refusal(400, f"Format error in JSON body: unknown match {json.dumps(one)[:200]}")


def conditions(given):
    """A filter; None where there is none."""
    if given is None:
        return None
    parts = {}
    for name in ("must", "should", "must_not"):
        part = given.get(name)
        if part is not None:
            parts[name] = [condition(one) for one in (part if isinstance(part, list) else [part])]
    return edge.Filter(**parts)


DISTANCES = {"Cosine": edge.Distance.Cosine, "Dot": edge.Distance.Dot, "Euclid": edge.Distance.Euclid}
MODES = {"upsert": edge.UpdateMode.Upsert, "insert_only": edge.UpdateMode.InsertOnly, "update_only": edge.UpdateMode.UpdateOnly}


def index_params(schema):
    if isinstance(schema, str):
        schema = {"type": schema}
    if schema.get("type") == "keyword":
        return given(edge.KeywordIndexParams, schema, ["is_tenant", "enable_hnsw"])
    if schema.get("type") in ("float", "integer"):
        return edge.FloatIndexParams() if schema["type"] == "float" else edge.IntegerIndexParams(lookup=True, range=True)
    raise Refusal(400, f"Wrong input: this server has no index of type {schema.get('type')}")


def selector(wanted):
    """Which fields of the payload an answer has."""
    if isinstance(wanted, dict):
        return edge.PayloadSelector.Include(wanted["include"]) if "include" in wanted else edge.PayloadSelector.Exclude(wanted["exclude"])
    return wanted


def named(point):
    return point if isinstance(point, int) else str(point)


def record(one):
    answer = {"id": named(one.id)}
    if one.payload is not None:
        answer["payload"] = one.payload
    if one.vector is not None:
        answer["vector"] = one.vector
    return answer
