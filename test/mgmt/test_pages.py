#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists by pages: whatever they are sorted by, the pages of a list are the list, in order.

Environment: AMQP_HOST, MGMT_PORT (test/with-broker). PAGES_SEED repeats a run.
"""
import json
import os
import random
import sys
import time
import unittest
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
import management  # noqa: E402

SEED = int(os.environ.get("PAGES_SEED") or random.randrange(1 << 32))
QUEUES = 61


def get(**query):
    status, text = management.ask("GET", "queues/pages?" + urllib.parse.urlencode(query))
    assert status == 200, text
    return json.loads(text)


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"PAGES_SEED={SEED}", flush=True)
        chance = random.Random(SEED)
        management.put_vhost("pages")
        management.permit("pages", "guest", ".*", ".*", ".*")
        cls.lengths = {}
        for i in chance.sample(range(1000), QUEUES):
            name, length = f"{chance.choice('abcü')}-{i}", chance.randrange(4)
            arguments = {"x-max-length": chance.randrange(1, 5)} if chance.random() < 0.5 else {}
            management.change("PUT", f"queues/pages/{management.quoted(name)}",
                              {"durable": chance.random() < 0.5, "arguments": arguments})
            for _ in range(length):
                status, text = management.ask("POST", "exchanges/pages/amq.default/publish", {
                    "properties": {}, "routing_key": name, "payload": "x", "payload_encoding": "string"})
                assert (status, json.loads(text)["routed"]) == (200, True), text
            cls.lengths[name] = length
        cls.wait_until_at_rest()

    @classmethod
    def wait_until_at_rest(cls):
        """Until the numbers are those of the last publish, and no rate will change any more."""
        deadline = time.monotonic() + 30
        while True:
            stats = {row["name"]: row.get("message_stats", {}) for row in get()}
            if all(stats[name].get("publish", 0) == length and
                   stats[name].get("publish_details", {}).get("rate", 0) == 0
                   for name, length in cls.lengths.items()):
                return
            assert time.monotonic() < deadline, stats
            time.sleep(0.2)  # no-sleep-ok: polls for numbers that later looks bring, bounded

    @classmethod
    def tearDownClass(cls):
        management.ask("DELETE", "vhosts/pages")

    def pages(self, size, **query):
        number, rows = 1, []
        while True:
            page = get(page=number, page_size=size, **query)
            self.assertEqual((QUEUES, QUEUES), (page["total_count"], page["filtered_count"]))
            self.assertEqual(len(page["items"]), page["item_count"])
            rows += page["items"]
            if number == page["page_count"]:
                return [row["name"] for row in rows]
            number += 1

    def test_pages_are_the_list_whatever_it_is_sorted_by(self):
        for column in ("name", "messages", "durable", "arguments", "memory", "message_stats.publish_details.rate",
                       "policy", "nothing", "type.nothing", ""):
            for query in ({"sort": column}, {"sort": column, "sort_reverse": "true"}):
                whole = [row["name"] for row in get(**query)]
                self.assertEqual(sorted(self.lengths), sorted(whole))
                for size in (1, 7, 60, 61, 62, 500):
                    self.assertEqual(whole, self.pages(size, **query), (query, size))

    def test_rows_come_in_order(self):
        names = sorted(self.lengths, key=lambda name: name.encode())
        self.assertEqual(names, self.pages(10, sort="name"))
        self.assertEqual(names[::-1], self.pages(10, sort="name", sort_reverse="true"))
        durable = [row["durable"] for row in get(sort="durable")]
        self.assertEqual(sorted(durable), durable)


if __name__ == "__main__":
    unittest.main(verbosity=2)
