# SPDX-License-Identifier: Apache-2.0
from dashboard import DashboardTest, api, declare, expect, is_there, must

NAMES = ["<img src=x onerror=window.hacked=1>", "a/b%2Fc?d#e&f", "\"quotes\" 'and' `more`",
         "snow ☃ 队列 עברית", "${alert(1)} {{1+1}} javascript:alert(1)", "__proto__"]


class Names(DashboardTest):
    def test_names_are_shown_as_they_are_and_do_nothing(self):
        for name in NAMES:
            declare(name, 1, body=b"<script>window.hacked=1</script>")
            must("PUT", "exchanges", "/", name, body={"type": "direct", "durable": True})
            must("PUT", "vhosts", name, body={})
            must("PUT", "users", name, body={"password": "pw", "tags": ""})
            must("POST", "bindings", "/", "e", name, "q", name, body={"routing_key": name})
            must("PUT", "policies", "/", name, body={
                "pattern": "^nothing$", "definition": {"max-length": 1}, "apply-to": "queues"})
        self.enter("overview")
        for place in ("queues", "exchanges", "vhosts", "users", "policies"):
            self.open(place)
            for name in NAMES:
                expect(self.page.get_by_role("table").get_by_text(name, exact=True).first
                       ).to_be_visible()
        for name in NAMES:
            for place in (("queues", "/"), ("exchanges", "/"), ("vhosts",), ("users",)):
                self.open(*place, name)
                expect(self.page.locator("#page h1")).to_have_text(name)
            self.open("queues", "/", name, tab="bindings")
            expect(self.row(name)).to_have_count(2)
            self.open("queues", "/", name, tab="messages")
            self.page.get_by_role("button", name="Get messages").click()
            expect(self.page.locator("details.message")).to_have_count(1)
        self.assertIsNone(self.page.evaluate("window.hacked ?? null"))

        for name in NAMES:
            self.open("queues", "/", name)
            self.page.get_by_role("button", name="Delete", exact=True).click()
            self.confirm(name, "Delete queue", typed=name)
            self.assertFalse(is_there("queues", "/", name))
        for name in NAMES:
            for place in (("exchanges", "/"), ("vhosts",), ("users",), ("policies", "/")):
                self.assertEqual(api("DELETE", *place, name)[0], 204)
