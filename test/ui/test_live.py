# SPDX-License-Identifier: Apache-2.0
import re
import threading

import pika
from dashboard import DashboardTest, api, connect, declare, expect, must


SOME = re.compile("[1-9]")


class Load:
    """Publishes and consumes through one queue until it is told to stop."""

    def __init__(self, queue):
        self.queue, self.stopped = queue, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def run(self):
        connection = connect("load")
        channel = connection.channel()
        channel.basic_consume(self.queue, lambda ch, method, *_: ch.basic_ack(method.delivery_tag),
                              consumer_tag="load-consumer")
        while not self.stopped.is_set():
            for _ in range(20):
                channel.basic_publish("", self.queue, b"x" * 200,
                                      pika.BasicProperties(delivery_mode=2))
            connection.process_data_events(0.05)
        connection.close()


def tile(page, label):
    return page.locator(".tile", has=page.get_by_text(label, exact=True)).locator(".tile-value")


class Live(DashboardTest):
    def test_rates_and_charts_move_under_load(self):
        declare("live")
        with Load("live"):
            self.enter("overview")
            expect(tile(self.page, "Published")).to_contain_text(SOME)
            expect(tile(self.page, "Delivered")).to_contain_text(SOME)
            chart = self.page.get_by_role("img", name="Message rates")
            expect(chart.locator("canvas")).to_be_visible()
            before = chart.locator("canvas").screenshot()
            self.page.wait_for_function(
                "old => document.querySelector('.chart-plot').getAttribute('aria-label') !== old",
                arg=chart.get_attribute("aria-label"))
            self.assertNotEqual(chart.locator("canvas").screenshot(), before)

            self.open("queues", "/", "live")
            expect(tile(self.page, "In")).to_contain_text(SOME)
            self.open("queues", "/", "live", tab="consumers")
            expect(self.page.get_by_text("load-consumer")).to_be_visible()
            self.open("connections")
            expect(self.row("load")).to_be_visible()
            self.open("channels")
            expect(self.page.locator("tbody tr").first).to_be_visible()
        must("DELETE", "queues", "/", "live")

    def test_hidden_page_asks_nothing_and_asks_again_when_it_is_seen(self):
        self.page.clock.install()
        self.enter("queues")
        expect(self.page.get_by_label("Filter queues by name")).to_be_visible()
        hide = """hidden => {
            Object.defineProperty(document, 'hidden', { get: () => hidden, configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
        }"""
        self.page.evaluate(hide, True)
        asked = []
        self.page.on("request", lambda it: asked.append(it.url))
        self.page.clock.run_for(120000)
        self.assertEqual(asked, [])
        with self.page.expect_request("**/api/queues*"):
            self.page.evaluate(hide, False)

    def test_alarms_stand_on_every_page(self):
        def with_alarm(route):
            answer = route.fetch()
            nodes = answer.json()
            nodes[0].update(mem_alarm=True, disk_free_alarm=True)
            route.fulfill(response=answer, json=nodes)

        self.page.route("**/api/nodes", with_alarm)
        self.enter("overview")
        for place in ("overview", "queues", "definitions"):
            self.open(place)
            banner = self.page.locator(".alarms")
            expect(banner).to_contain_text("Memory alarm")
            expect(banner).to_contain_text("Disk alarm")
            expect(banner).to_have_attribute("aria-live", "assertive")
        self.page.unroute_all(behavior="ignoreErrors")

    def test_broker_that_does_not_answer_is_told_and_comes_back(self):
        self.enter("queues")
        expect(self.page.locator(".pages, .empty").first).to_be_visible()
        self.page.route("**/api/**", lambda route: route.abort())
        expect(self.page.locator(".alarms")).to_contain_text("does not answer")
        self.page.unroute("**/api/**")
        expect(self.page.locator(".alarms")).to_be_empty()

    def test_connection_is_closed_by_hand(self):
        connection = connect("doomed")
        self.enter("connections")
        self.row("doomed").get_by_role("link").click()
        self.page.get_by_role("button", name="Close connection").click()
        self.dialog().get_by_role("button", name="Close connection").click()
        self.told("Connection closed")
        with self.assertRaises(pika.exceptions.ConnectionClosedByBroker):
            connection.process_data_events(10)
        self.assertEqual([it for it in api("GET", "connections")[1]
                          if it.get("user_provided_name") == "doomed"], [])
