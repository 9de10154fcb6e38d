#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The metrics' port of the broker that the environment names (test/with-broker): `promtool check metrics` accepts each
form, and what was done is counted.

Environment: AMQP_HOST, MGMT_PORT, METRICS_PORT. Needs promtool (Debian: prometheus).
"""
import base64
import json
import os
import re
import subprocess
import sys
import time
import unittest
import urllib.request

HOST = os.environ["AMQP_HOST"]
FAMILIES = ["queue_coarse_metrics", "queue_consumer_count", "queue_metrics", "queue_delivery_metrics", "channel_metrics",
            "channel_exchange_metrics", "channel_queue_metrics", "exchange_metrics", "connection_coarse_metrics",
            "connection_metrics", "connection_churn_metrics", "node_metrics", "node_persister_metrics",
            "auth_attempt_metrics", "vhost_status", "exchange_bindings", "exchange_names"]
FORMS = ["/metrics", "/metrics/per-object", "/metrics/detailed?" + "&".join(f"family={name}" for name in FAMILIES)]


def api(method, path, body=None):
    request = urllib.request.Request(f"http://{HOST}:{os.environ['MGMT_PORT']}/api{path}", method=method,
                                     data=None if body is None else json.dumps(body).encode())
    request.add_header("Authorization", "Basic " + base64.b64encode(b"guest:guest").decode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def scrape(path):
    with urllib.request.urlopen(f"http://{HOST}:{os.environ['METRICS_PORT']}{path}", timeout=30) as answer:
        return answer.read().decode()


def values(text):
    """Every sample: its name with labels, and its value."""
    return {name: float(value) for name, value in re.findall(r"^([a-z_]+(?:{.*})?) (\S+)$", text, re.M)}


def wait_for(path, is_there):
    """The numbers of a scrape that has what is waited for: they are as old as the last look at the engine."""
    until = time.monotonic() + 20
    while True:
        found = values(scrape(path))
        if is_there(found) or time.monotonic() > until:
            return found
        time.sleep(0.2)  # no-sleep-ok: polls for a number that a later look brings, bounded


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        api("PUT", "/queues/%2F/metrics%20%22%5C", {"durable": True})
        api("PUT", "/exchanges/%2F/metrics", {"type": "topic", "durable": True})
        api("POST", "/bindings/%2F/e/metrics/q/metrics%20%22%5C", {"routing_key": "#"})
        for _ in range(3):
            api("POST", "/exchanges/%2F/metrics/publish", {"properties": {"delivery_mode": 2}, "routing_key": "a",
                                                           "payload": "x" * 1000, "payload_encoding": "string"})

    @classmethod
    def tearDownClass(cls):
        api("DELETE", "/queues/%2F/metrics%20%22%5C")
        api("DELETE", "/exchanges/%2F/metrics")

    def test_promtool_finds_nothing_to_complain_of_in_any_form(self):
        for form in FORMS:
            result = subprocess.run(["promtool", "check", "metrics"], input=scrape(form).encode(), timeout=60,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            self.assertEqual((0, b""), (result.returncode, result.stdout), form)

    def test_the_log_counts_what_it_writes_and_how_long_syncs_take(self):
        found = wait_for("/metrics", lambda now: now["rabbitmq_msg_store_write_total"] >= 3)
        self.assertGreaterEqual(found["stoatmq_log_message_bytes_total"], 3000)
        self.assertGreater(found["stoatmq_log_written_bytes_total"], found["stoatmq_log_message_bytes_total"])
        self.assertGreater(found["stoatmq_log_write_amplification_ratio"], 1)
        for name in ("log_sync_seconds", "log_batch_bytes", "engine_tick_seconds"):
            buckets = [value for key, value in found.items() if key.startswith(f"stoatmq_{name}_bucket")]
            self.assertEqual(buckets, sorted(buckets), "each bucket has those below it")
            self.assertEqual(found[f"stoatmq_{name}_count"], buckets[-1])
            self.assertGreater(found[f"stoatmq_{name}_count"], 0)
            self.assertGreater(found[f"stoatmq_{name}_sum"], 0)
        self.assertEqual(found["rabbitmq_io_sync_ops_total"], found["stoatmq_log_sync_seconds_count"])
        self.assertAlmostEqual(found["rabbitmq_io_sync_time_seconds_total"], found["stoatmq_log_sync_seconds_sum"])
        self.assertGreater(found["rabbitmq_io_write_bytes_total"], 3000)

    def test_per_object_has_a_sample_of_each_queue_with_its_name_escaped(self):
        name = r'rabbitmq_queue_messages_ready{vhost="/",queue="metrics \"\\"}'
        self.assertEqual(3, wait_for("/metrics/per-object", lambda now: now.get(name) == 3).get(name))

    def test_detailed_has_vhosts_and_exchanges_with_their_bindings(self):
        found = values(scrape("/metrics/detailed?family=vhost_status&family=exchange_bindings&family=exchange_names"))
        self.assertEqual(1, found['rabbitmq_cluster_vhost_status{vhost="/"}'])
        labels = '{vhost="/",exchange="metrics",type="topic"}'
        self.assertEqual(1, found["rabbitmq_cluster_exchange_bindings" + labels])
        self.assertEqual(1, found["rabbitmq_cluster_exchange_name" + labels])

    def test_detailed_has_the_families_that_are_asked_for_alone(self):
        found = values(scrape("/metrics/detailed?family=queue_consumer_count"))
        names = {name.split("{")[0] for name in found}
        self.assertEqual({"rabbitmq_detailed_queue_consumers", "rabbitmq_identity_info", "rabbitmq_build_info"}, names)

    def test_messages_that_nobody_took_are_counted_by_why_and_where_they_went(self):
        def samples(found):
            return [found[f'rabbitmq_global_messages_dead_lettered_{reason}_total{{queue_type="rabbit_classic_queue",'
                          f'dead_letter_strategy="{strategy}"}}']
                    for strategy in ("disabled", "at_most_once") for reason in ("expired", "maxlen", "rejected")]
        before = values(scrape("/metrics"))
        dead_letters = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "nowhere"}
        for queue, more in (("drops", {}), ("keeps", dead_letters)):
            limits = {"expires": {"x-message-ttl": 0}, "limits": {"x-max-length": 1}, "rejects": {}}
            for how, arguments in limits.items():
                api("PUT", f"/queues/%2F/{queue}.{how}", {"arguments": arguments | more})
                for _ in range(3):
                    api("POST", "/exchanges/%2F/amq.default/publish", {"properties": {}, "routing_key": f"{queue}.{how}",
                                                                       "payload": "x", "payload_encoding": "string"})
            api("POST", f"/queues/%2F/{queue}.rejects/get", {"count": 1, "ackmode": "reject_requeue_false",
                                                             "encoding": "auto"})
        expected = [one + more for one, more in zip(samples(before), (3, 2, 1, 3, 2, 1))]
        found = wait_for("/metrics", lambda now: samples(now) == expected)
        self.assertEqual(expected, samples(found))
        for name, more in (("expired", 6), ("overflow_dropped", 4)):
            self.assertEqual(before[f"stoatmq_messages_{name}_total"] + more, found[f"stoatmq_messages_{name}_total"])
        for queue in ("drops", "keeps"):
            for how in ("expires", "limits", "rejects"):
                api("DELETE", f"/queues/%2F/{queue}.{how}")

    def test_logins_by_http_are_counted(self):
        name = 'rabbitmq_auth_attempts_succeeded_total{protocol="http"}'
        before = values(scrape("/metrics"))[name]
        api("GET", "/whoami")
        self.assertGreater(values(scrape("/metrics"))[name], before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
