# SPDX-License-Identifier: Apache-2.0
"""Definitions from RabbitMQ go into StoatMQ, and StoatMQ's back into RabbitMQ, without a loss."""
import json

from differences import Comparison

VHOST = "migrated/é"
PATH = "migrated%2F%C3%A9"
X = "x%20%3C%26%3E"  # "x <&>"
HASHES = {"rabbit_password_hashing_sha256": "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
          "rabbit_password_hashing_sha512": "bcbGxTqm2ys8S5mOv9oV8qUz3mGsc/lPpTBrt9VgDqhQi3SzBMTbhpx5"
                                            "7JsqlCRqZLRHhCyvwv0hU1Ze6eqvOYgpp48="}
# What a document says of who wrote it, and RabbitMQ's cluster has an identity.
OF_THE_WRITER = ("rabbit_version", "rabbitmq_version", "product_name", "product_version",
                 "rabbitmq_definition_format", "original_cluster_name", "original_vhost_name",
                 "explanation")
# RabbitMQ 3.10 says of a virtual host only its name and metadata.
OF_VHOSTS = ("description", "tags", "tracing", "metadata", "default_queue_type", "limits")


def content(document):
    """What a definitions document defines."""
    kept = {key: value for key, value in document.items() if key not in OF_THE_WRITER}
    kept["global_parameters"] = [row for row in kept.get("global_parameters", [])
                                 if row["name"] != "internal_cluster_id"]
    kept["vhosts"] = [{key: value for key, value in row.items() if key not in OF_VHOSTS}
                      for row in kept.get("vhosts", [])]
    return kept


def define(broker):
    """Something of each kind, with each kind of argument."""
    put = [("vhosts/" + PATH, {"description": "moved here", "tags": "a,b"}),
           ("users/moved", {"password": "secret", "tags": "management,custom"}),
           ("permissions/" + PATH + "/moved", {"configure": "^a", "write": "", "read": ".*"}),
           ("topic-permissions/" + PATH + "/moved",
            {"exchange": "amq.topic", "write": "^{username}", "read": ".*"}),
           ("vhost-limits/" + PATH + "/max-queues", {"value": 50}),
           ("user-limits/moved/max-connections", {"value": 7}),
           ("policies/" + PATH + "/p", {"pattern": "^q", "priority": 3, "apply-to": "queues",
                                        "definition": {"max-length": 10, "message-ttl": 1000,
                                                       "overflow": "reject-publish"}}),
           ("operator-policies/" + PATH + "/o", {"pattern": "^q", "apply-to": "queues",
                                                 "definition": {"max-length": 5}}),
           ("global-parameters/mine", {"value": {"list": [1, 2.5, None, {"deep": True}]}}),
           ("exchanges/" + PATH + f"/{X}", {"type": "topic", "durable": True}),
           ("exchanges/" + PATH + "/y", {"type": "headers", "durable": True, "internal": True,
                                         "arguments": {"alternate-exchange": "x <&>"}})]
    put += [(f"users/{name[-6:]}", {"password_hash": value, "hashing_algorithm": name, "tags": ""})
            for name, value in HASHES.items()]
    arguments = {"x-max-length": 10, "x-message-ttl": 60000, "x-overflow": "drop-head",
                 "x-dead-letter-exchange": "x <&>", "x-dead-letter-routing-key": "dead",
                 "x-expires": 3600000, "x-max-priority": 5, "x-single-active-consumer": True,
                 "custom": {"a": [1, "b", False], "f": 1.5}}
    put += [("queues/" + PATH + "/q", {"durable": True, "arguments": arguments}),
            ("queues/" + PATH + "/q%2F2", {"durable": True, "auto_delete": True}),
            ("queues/" + PATH + "/transient", {"durable": False})]
    for path, body in put:
        answer = broker.ask("PUT", path, body)
        assert answer.status in (201, 204), f"{broker.name}: PUT {path}: {answer}"
    for path, body in ((X + "/q/q", {"routing_key": "a.*", "arguments": {"k": 1}}),
                       (X + "/q/q%2F2", {"routing_key": "ü #", "arguments": {}}),
                       (X + "/e/y", {"routing_key": "",
                                              "arguments": {"x-match": "any", "s": "t"}})):
        broker.change("POST", f"bindings/{PATH}/e/{path}", body)


def undefine(broker):
    broker.change("DELETE", f"vhosts/{PATH}")
    broker.change("DELETE", "global-parameters/mine")
    for user in ["moved", *(name[-6:] for name in HASHES)]:
        broker.change("DELETE", f"users/{user}")


def differing(what, there, here):
    comparison = Comparison(what)
    comparison.values(content(there), content(here))
    return [str(difference) for difference in comparison.found]


def moves_whole(rabbitmq, stoatmq):
    """A whole document, there and back."""
    define(rabbitmq)
    original = rabbitmq.get("definitions")
    stoatmq.change("POST", "definitions", original)
    moved = stoatmq.get("definitions")
    problems = differing("from RabbitMQ to StoatMQ", original, moved)
    for broker in (rabbitmq, stoatmq):
        answer = broker.ask("GET", "whoami", user="moved", password="secret")
        if answer.status != 200:
            problems.append(f"{broker.name}: a moved user cannot log in: {answer}")
    undefine(rabbitmq)
    rabbitmq.change("POST", "definitions", moved)
    return problems + differing("back into RabbitMQ", original, rabbitmq.get("definitions"))


def moves_vhost(rabbitmq, stoatmq):
    """A virtual host's document, there and back; the virtual host is made first."""
    original = rabbitmq.get(f"definitions/{PATH}")
    stoatmq.change("DELETE", f"vhosts/{PATH}")
    stoatmq.change("PUT", f"vhosts/{PATH}", {})
    stoatmq.change("POST", f"definitions/{PATH}", original)
    moved = stoatmq.get(f"definitions/{PATH}")
    rabbitmq.change("DELETE", f"vhosts/{PATH}")
    rabbitmq.change("PUT", f"vhosts/{PATH}", {})
    rabbitmq.change("POST", f"definitions/{PATH}", moved)
    return differing("a virtual host back into RabbitMQ", original,
                     rabbitmq.get(f"definitions/{PATH}"))


def applies_nothing_of_a_bad_document(stoatmq):
    before = stoatmq.get("definitions")
    bad = json.loads(json.dumps(before))
    bad["queues"].append({"name": "new", "vhost": "/", "durable": True, "auto_delete": False,
                          "arguments": {}})
    bad["queues"].append({"name": "broken", "vhost": "nowhere", "durable": True,
                          "auto_delete": False, "arguments": {}})
    answer = stoatmq.ask("POST", "definitions", bad)
    problems = [] if answer.status == 400 else [f"a bad document is not refused: {answer}"]
    return problems + differing("after a bad document", before, stoatmq.get("definitions"))


def play(both, _options):
    """(problems, what was done)."""
    problems = moves_whole(*both) + moves_vhost(*both)
    problems += applies_nothing_of_a_bad_document(both[1])
    for broker in both:
        undefine(broker)
    return problems, "a document and a virtual host's, there and back"
