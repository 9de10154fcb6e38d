# SPDX-License-Identifier: Apache-2.0
import time

from dashboard import DashboardTest, connect, declare, expect, must

COUNT = 10000
AT_ONCE_S = 3 # the browser's start of a page is in it


class ManyQueues(DashboardTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        must("PUT", "vhosts", "many", body={})
        must("PUT", "permissions", "many", "guest",
             body={"configure": ".*", "write": ".*", "read": ".*"})
        connection = connect()
        connection.close()
        cls.declare_many()

    @classmethod
    def declare_many(cls):
        import pika
        from dashboard import AMQP_PORT
        connection = pika.BlockingConnection(pika.ConnectionParameters(
            "127.0.0.1", AMQP_PORT, virtual_host="many"))
        channel = connection.channel()
        for at in range(COUNT):
            channel.queue_declare(f"queue-{at:05}", durable=False)
        connection.close()

    @classmethod
    def tearDownClass(cls):
        must("DELETE", "vhosts", "many")
        super().tearDownClass()

    def test_list_is_there_at_once_and_pages_sorts_and_filters(self):
        self.enter("overview")
        started = time.monotonic()
        self.open("queues", query="?size=100")
        self.page.get_by_label("Virtual host").select_option("many")
        expect(self.row("queue-00099")).to_be_visible()
        self.assertLess(time.monotonic() - started, AT_ONCE_S)
        expect(self.page.locator(".pages")).to_contain_text("1–100 of 10,000")
        self.page.get_by_role("button", name="Next page").click()
        expect(self.row("queue-00150")).to_be_visible()
        self.page.keyboard.press("[")
        expect(self.row("queue-00001")).to_be_visible()
        self.page.get_by_role("button", name="Queue", exact=True).click()
        expect(self.row("queue-09999")).to_be_visible()
        expect(self.page.locator("th[aria-sort=descending]")).to_contain_text("Queue")
        self.page.keyboard.press("/")
        self.page.keyboard.type("0777")
        expect(self.page.locator(".pages")).to_contain_text("1–11 of 11")
        self.page.get_by_role("button", name="Filter is a regular expression").click()
        self.page.get_by_label("Filter queues by name").fill("^queue-0000[12]$")
        expect(self.page.locator(".pages")).to_contain_text("1–2 of 2")
        self.page.reload()
        expect(self.page.locator(".pages")).to_contain_text("1–2 of 2")


class Keyboard(DashboardTest):
    def test_pages_are_reached_by_two_keys_and_the_filter_by_one(self):
        self.enter("overview")
        for key, title in (("q", "Queues"), ("e", "Exchanges"), ("v", "Virtual hosts"),
                           ("p", "Policies"), ("o", "Overview"), ("c", "Connections")):
            self.page.keyboard.press("g")
            self.page.keyboard.press(key)
            expect(self.page.get_by_role("heading", name=title, level=1)).to_be_visible()
        self.page.keyboard.press("/")
        expect(self.page.get_by_label("Filter connections by name")).to_be_focused()
        self.page.keyboard.type("gq?")
        expect(self.page.get_by_label("Filter connections by name")).to_have_value("gq?")

    def test_help_and_forms_open_and_close_by_key_and_give_the_focus_back(self):
        self.enter("queues")
        self.page.keyboard.press("?")
        expect(self.dialog()).to_contain_text("Keyboard shortcuts")
        self.page.keyboard.press("Escape")
        expect(self.dialog()).to_have_count(0)
        button = self.page.get_by_role("button", name="New queue").first
        button.focus()
        self.page.keyboard.press("Enter")
        expect(self.dialog().get_by_label("Name", exact=True)).to_be_visible()
        self.page.keyboard.press("Escape")
        expect(button).to_be_focused()

    def test_rows_are_walked_by_key(self):
        declare("walk-1")
        declare("walk-2")
        self.enter("queues")
        self.open("queues", query="?name=walk-")
        expect(self.page.locator("tbody tr")).to_have_count(2)  # not the list that was there before
        for name in ("walk-1", "walk-2"):
            self.page.keyboard.press("j")
            expect(self.row(name).get_by_role("link", name=name)).to_be_focused()
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#page h1")).to_have_text("walk-2")

    def test_theme_is_switched_and_kept(self):
        self.enter("overview")
        self.page.keyboard.press("t")
        expect(self.page.locator("html")).to_have_attribute("data-theme", "dark")
        self.page.reload()
        expect(self.page.locator("html")).to_have_attribute("data-theme", "dark")
