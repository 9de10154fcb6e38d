# SPDX-License-Identifier: Apache-2.0
"""Everything that can be made in the dashboard is made there, is then in the broker, and is deleted there."""
import json
import os
import tempfile

from dashboard import DashboardTest, api, declare, expect, is_there, must


def broker_can(act):
    """Whether the API has what RabbitMQ's has not; the dashboard offers it just then."""
    return f"/api/queues/{{vhost}}/{{name}}/{act}" in paths_of_the_api()


def paths_of_the_api():
    status, description = api("GET", "openapi.json")
    return description["paths"] if status == 200 else {}


class Objects(DashboardTest):
    def make(self, button, verb, **fields):
        """Opens the form, fills the fields by their labels, and sends it."""
        self.page.get_by_role("button", name=button).first.click()
        for label, value in fields.items():
            control = self.dialog().get_by_label(label.replace("_", " "), exact=True)
            if control.evaluate("it => it.tagName") == "SELECT":
                control.select_option(value)
            else:
                control.fill(value)
        self.dialog().get_by_role("button", name=verb, exact=True).click()
        expect(self.dialog()).to_have_count(0)

    def test_virtual_host_is_made_limited_and_deleted(self):
        self.enter("vhosts")
        self.make("New virtual host", "Create virtual host", Name="made", Description="By hand")
        self.row("made").get_by_role("link").click()
        self.page.get_by_role("button", name="Change: Queues at most").click()
        self.dialog().get_by_label("At most").fill("7")
        self.dialog().get_by_role("button", name="Save").click()
        self.told("Limit saved")
        self.assertEqual(must("GET", "vhost-limits", "made")[0]["value"], {"max-queues": 7})
        self.page.get_by_role("button", name="Remove: Queues at most").click()
        self.confirm("made", "Remove limit")
        self.page.get_by_role("button", name="Delete", exact=True).click()
        self.confirm("made", "Delete virtual host", typed="made")
        self.assertFalse(is_there("vhosts", "made"))

    def test_user_is_made_given_permissions_and_deleted(self):
        self.enter("users")
        self.page.get_by_role("button", name="New user").click()
        self.dialog().get_by_label("User name").fill("made-user")
        self.dialog().get_by_label("Password", exact=True).fill("secret")
        self.dialog().get_by_label("Monitoring").check()
        self.dialog().get_by_role("button", name="Create user").click()
        expect(self.dialog()).to_have_count(0)
        self.assertEqual(api("GET", "whoami", user="made-user", password="secret")[0], 200)

        self.row("made-user").get_by_role("link").click()
        self.page.get_by_role("button", name="Set permissions", exact=True).click()
        self.dialog().get_by_label("Virtual host").select_option("/")
        self.dialog().get_by_label("Configure").fill("^mine")
        self.dialog().get_by_role("button", name="Save").click()
        expect(self.dialog()).to_have_count(0)
        self.assertEqual(must("GET", "permissions", "/", "made-user")["configure"], "^mine")
        self.page.get_by_role("button", name="Set topic permissions").click()
        self.dialog().get_by_label("Write").fill("^mine\\.")
        self.dialog().get_by_role("button", name="Save").click()
        expect(self.dialog()).to_have_count(0)
        self.assertEqual(must("GET", "topic-permissions", "/", "made-user")[0]["write"], "^mine\\.")

        self.page.get_by_role("button", name="Password", exact=True).click()
        self.dialog().get_by_label("New password").fill("other")
        self.dialog().get_by_label("Once more").fill("other")
        self.dialog().get_by_role("button", name="Save").click()
        self.told("Password saved")
        self.assertEqual(api("GET", "whoami", user="made-user", password="other")[0], 200)
        self.page.get_by_role("button", name="Tags").click()
        self.dialog().get_by_label("Policymaker").check()
        self.dialog().get_by_role("button", name="Save").click()
        self.told("Tags saved")
        self.assertEqual(api("GET", "whoami", user="made-user", password="other")[0], 200)

        self.page.get_by_role("button", name="Clear permissions of made-user in /").click()
        self.confirm("made-user in /", "Clear permissions")
        self.page.get_by_role("button", name="Clear topic permissions").click()
        self.confirm("made-user in /", "Clear topic permissions")
        self.page.get_by_role("button", name="Delete", exact=True).click()
        self.confirm("made-user", "Delete")
        self.assertFalse(is_there("users", "made-user"))

    def test_messages_that_wait_are_seen_and_cancelled_where_the_broker_can(self):
        if "/api/exchanges/{vhost}/{name}/delayed" not in paths_of_the_api():
            self.enter("exchanges", "/", "amq.fanout")
            expect(self.page.get_by_role("link", name="Publish")).to_be_visible()
            expect(self.page.get_by_role("link", name="Delayed")).to_have_count(0)
            return
        must("PUT", "exchanges", "/", "later",
             body={"type": "x-delayed-message", "arguments": {"x-delayed-type": "fanout"}})
        for key, delay in ("second", 7200000), ("first", 3600000), ("third", 9000000):
            must("POST", "exchanges", "/", "later", "publish",
                 body={"properties": {"headers": {"x-delay": delay}}, "routing_key": key,
                       "payload": "x", "payload_encoding": "string"})
        self.enter("exchanges", "/", "later", tab="delayed")
        expect(self.page.locator("tbody tr")).to_have_count(3)
        expect(self.page.locator("tbody tr").first).to_contain_text("first")
        self.row("second").get_by_role("button", name="Cancel this message").click()
        self.confirm("second", "Cancel message")
        expect(self.page.locator("tbody tr")).to_have_count(2)
        self.page.get_by_role("button", name="Cancel all").click()
        self.confirm("later", "Cancel all")
        expect(self.page.get_by_text("Nothing waits")).to_be_visible()
        must("DELETE", "exchanges", "/", "later")

    def test_exchange_queue_and_binding_are_made_and_deleted(self):
        self.enter("exchanges")
        self.make("New exchange", "Create exchange", Name="made-exchange", Type="topic")
        self.open("queues")
        self.page.get_by_role("button", name="New queue").first.click()
        self.dialog().get_by_label("Name", exact=True).fill("made-queue")
        self.dialog().get_by_role("button", name="Message TTL").click()
        self.dialog().get_by_label("Value of x-message-ttl").fill("60000")
        self.dialog().get_by_role("button", name="Create queue").click()
        expect(self.dialog()).to_have_count(0)
        self.assertEqual(must("GET", "queues", "/", "made-queue")["arguments"],
                         {"x-message-ttl": 60000})

        self.row("made-queue").get_by_role("link").click()
        self.open("queues", "/", "made-queue", tab="bindings")
        self.page.get_by_label("From exchange").fill("made-exchange")
        self.page.get_by_label("Routing key").fill("made.#")
        self.page.get_by_role("button", name="Add binding").click()
        expect(self.row("made.#")).to_be_visible()
        self.row("made.#").get_by_role("button", name="Remove the binding").click()
        self.confirm("made-exchange → made-queue", "Remove binding")
        expect(self.row("made.#")).to_have_count(0)

        self.page.get_by_role("button", name="Delete", exact=True).click()
        self.confirm("made-queue", "Delete queue")
        self.assertFalse(is_there("queues", "/", "made-queue"))
        self.open("exchanges", "/", "made-exchange")
        self.page.get_by_role("button", name="Delete", exact=True).click()
        self.confirm("made-exchange", "Delete exchange")
        self.assertFalse(is_there("exchanges", "/", "made-exchange"))

    def test_policies_are_made_and_deleted(self):
        self.enter("policies")
        for place, noun, tab in (("policies", "policy", None),
                                 ("operator-policies", "operator policy", "operator")):
            self.open("policies", tab=tab)
            self.page.get_by_role("button", name=f"New {noun}").click()
            self.dialog().get_by_label("Name", exact=True).fill("made-policy")
            self.dialog().get_by_label("Pattern").fill("^made")
            self.dialog().get_by_label("Applies to").select_option("queues")
            self.dialog().get_by_role("button", name="Max length", exact=True).click()
            self.dialog().get_by_label("Value of max-length").fill("100")
            self.dialog().get_by_role("button", name=f"Create {noun}").click()
            expect(self.dialog()).to_have_count(0)
            self.assertEqual(must("GET", place, "/", "made-policy")["definition"],
                             {"max-length": 100})
            self.row("made-policy").get_by_role("button", name="Delete made-policy").click()
            self.confirm("made-policy", f"Delete {noun}")
            self.assertFalse(is_there(place, "/", "made-policy"))

    def test_refusal_is_shown_in_the_form(self):
        self.enter("queues")
        declare("taken", arguments={"x-max-length": 5})
        self.page.get_by_role("button", name="New queue").first.click()
        self.dialog().get_by_label("Name", exact=True).fill("taken")
        self.dialog().get_by_role("button", name="Create queue").click()
        expect(self.dialog().get_by_role("alert")).to_contain_text("inequivalent arg")

    def test_chosen_queues_are_purged_and_deleted_together(self):
        for name in ("bulk-one", "bulk-two", "kept"):
            declare(name, 3)
        self.enter("queues")
        for name in ("bulk-one", "bulk-two"):
            self.page.get_by_label(f"Select {name}").check()
        region = self.page.get_by_role("region", name="Selection")
        expect(region).to_contain_text("2 selected")
        region.get_by_role("button", name="Delete").click()
        expect(self.dialog()).to_contain_text("bulk-two")
        expect(self.dialog()).not_to_contain_text("kept")
        self.confirm("bulk-one", "Delete")
        self.assertFalse(is_there("queues", "/", "bulk-one"))
        self.assertFalse(is_there("queues", "/", "bulk-two"))
        self.assertTrue(is_there("queues", "/", "kept"))


class Messages(DashboardTest):
    def test_message_is_published_and_browsed_and_stays(self):
        declare("inbox")
        self.enter("queues", "/", "inbox", tab="publish")
        self.page.get_by_label("Payload", exact=True).fill('{"greeting": "<b>hällo</b>"}')
        headers = self.page.get_by_role("group", name="Headers")
        headers.get_by_role("button", name="Other…").click()
        headers.get_by_label("Name").fill("trace")
        headers.get_by_label("Value of trace").fill("t-1")
        self.page.get_by_role("button", name="Publish message").click()
        expect(self.page.get_by_text("published and routed")).to_be_visible()

        self.open("queues", "/", "inbox", tab="messages")
        self.page.get_by_role("button", name="Get messages").click()
        message = self.page.locator("details.message")
        expect(message).to_have_count(1)
        message.locator("summary").click()
        expect(message).to_contain_text("trace: t-1")
        expect(message.get_by_label("Payload of message 1")).to_contain_text("<b>hällo</b>")
        message.get_by_role("button", name="Raw").click()
        expect(message.get_by_label("Payload of message 1")).to_have_text(
            '{"greeting": "<b>hällo</b>"}')
        self.page.get_by_role("button", name="Get messages").click()
        taken = must("POST", "queues", "/", "inbox", "get", body={
            "count": 5, "ackmode": "ack_requeue_false", "encoding": "auto"})
        self.assertEqual([it["payload"] for it in taken], ['{"greeting": "<b>hällo</b>"}'])
        if broker_can("messages"):
            self.assertFalse(taken[0]["redelivered"])

    def test_a_long_queue_is_browsed_page_by_page(self):
        if not broker_can("messages"):
            self.skipTest("this broker cannot show messages without taking them")
        declare("long", 45)
        self.enter("queues", "/", "long", tab="messages")
        self.page.get_by_role("button", name="Get messages").click()
        messages = self.page.locator("details.message")
        expect(messages).to_have_count(20)
        self.page.get_by_role("button", name="Next of 25 more messages").click()
        expect(messages.first).to_contain_text("#21")
        self.page.get_by_role("button", name="Next of 5 more messages").click()
        expect(messages).to_have_count(5)
        expect(messages.last).to_contain_text("#45")
        expect(self.page.get_by_role("button", name="Next of")).to_have_count(0)
        self.page.get_by_label("Skip").fill("50")
        self.page.get_by_role("button", name="Get messages").click()
        expect(self.page.get_by_text("No more messages")).to_be_visible()
        taken = must("POST", "queues", "/", "long", "get", body={
            "count": 45, "ackmode": "ack_requeue_false", "encoding": "auto"})
        self.assertEqual([it["redelivered"] for it in taken], [False] * 45)

    def test_unroutable_message_is_told(self):
        self.enter("exchanges", "/", "amq.fanout", tab="publish")
        self.page.get_by_role("button", name="Publish message").click()
        expect(self.page.get_by_text("no queue got it")).to_be_visible()

    def test_octets_are_shown_as_hex(self):
        declare("octets", 1, body=b"\xff\x00\x01")
        self.enter("queues", "/", "octets", tab="messages")
        self.page.get_by_role("button", name="Get messages").click()
        self.page.locator("details.message summary").click()
        expect(self.page.get_by_label("Payload of message 1")).to_contain_text("ff 00 01")

    def test_queue_is_purged(self):
        declare("full", 5)
        self.enter("queues", "/", "full")
        self.page.get_by_role("button", name="Purge").click()
        self.confirm("full", "Purge queue")
        self.told("empty")

    def test_queue_is_paused_and_resumed_where_the_broker_can(self):
        declare("stopped")
        self.enter("queues", "/", "stopped")
        pause = self.page.get_by_role("button", name="Pause", exact=True)
        if not broker_can("pause"):
            expect(self.page.get_by_role("button", name="Delete", exact=True)).to_be_visible()
            expect(pause).to_have_count(0)
            return
        pause.click()
        expect(self.page.get_by_role("button", name="Resume")).to_be_visible()
        self.assertEqual(must("GET", "queues", "/", "stopped")["state"], "paused")
        self.page.get_by_role("button", name="Resume").click()
        expect(pause).to_be_visible()

    def test_messages_are_moved_where_the_broker_can(self):
        declare("from-here", 4)
        declare("to-there")
        self.enter("queues", "/", "from-here")
        move = self.page.get_by_role("button", name="Move messages")
        if not broker_can("move"):
            expect(self.page.get_by_role("button", name="Delete", exact=True)).to_be_visible()
            expect(move).to_have_count(0)
            return
        move.click()
        self.dialog().get_by_label("To queue").fill("to-there")
        self.dialog().get_by_role("button", name="Move messages").click()
        self.told("4 messages moved")
        moved = must("POST", "queues", "/", "to-there", "get", body={
            "count": 9, "ackmode": "ack_requeue_true", "encoding": "auto"})
        self.assertEqual([it["payload"] for it in moved], ["hello0", "hello1", "hello2", "hello3"])


class Definitions(DashboardTest):
    def choose(self, content):
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            file.write(content)
        self.addCleanup(os.unlink, file.name)
        self.page.get_by_label("Definitions file").set_input_files(file.name)

    def test_document_is_imported_after_a_look_at_it(self):
        self.enter("definitions")
        self.choose(json.dumps({
            "vhosts": [{"name": "imported"}], "queues": [
                {"name": "from file", "vhost": "imported", "durable": True, "auto_delete": False,
                 "arguments": {}}]}))
        expect(self.page.locator(".counts")).to_contain_text("Queues")
        self.page.get_by_role("button", name="Import definitions").click()
        expect(self.page.get_by_text("is imported")).to_be_visible()
        self.assertTrue(is_there("queues", "imported", "from file"))
        must("DELETE", "vhosts", "imported")

    def test_what_is_no_document_is_refused_before_it_is_sent(self):
        self.enter("definitions")
        self.choose("{not json")
        expect(self.page.get_by_role("alert").filter(has_text="no definitions file")).to_be_visible()
        expect(self.page.get_by_role("button", name="Import definitions")).to_be_disabled()

    def test_problems_of_a_document_are_listed(self):
        self.enter("definitions")
        self.choose(json.dumps({"queues": [
            {"name": "lost", "vhost": "nowhere", "durable": True, "auto_delete": False,
             "arguments": {}}]}))
        self.page.get_by_role("button", name="Import definitions").click()
        expect(self.page.get_by_role("alert").filter(has_text="nowhere")).to_be_visible()

    def test_export_is_a_document_with_what_there_is(self):
        declare("exported")
        self.enter("definitions")
        with self.page.expect_download() as download:
            self.page.get_by_role("link", name="Download definitions").click()
        with open(download.value.path(), encoding="utf-8") as file:
            document = json.load(file)
        self.assertIn("exported", [it["name"] for it in document["queues"]])
