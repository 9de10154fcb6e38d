# SPDX-License-Identifier: Apache-2.0
"""Each page at three widths in both themes: nothing stands out of the page, axe-core finds nothing serious, and a
picture is kept to be looked at (build/ui/screenshots)."""
import os

import pika
from dashboard import (ROOT, SHOTS, DashboardTest, Shared, connect, declare, expect,
                       must, quoted)

AXE = os.path.join(ROOT, "build", "ui", "node_modules", "axe-core", "axe.min.js")
HEIGHTS = {360: 760, 820: 1100, 1440: 900} # by width
QUEUE = "orders.shipped with a name that is rather long"
PAGES = {
    "overview": "overview", "node": "node", "connections": "connections", "channels": "channels",
    "exchanges": "exchanges", "exchange": "exchanges/%2F/looks",
    "exchange-bindings": "exchanges/%2F/looks?tab=bindings", "queues": "queues",
    "queue": f"queues/%2F/{quoted(QUEUE)}", "queue-consumers": f"queues/%2F/{quoted(QUEUE)}?tab=consumers",
    "queue-bindings": f"queues/%2F/{quoted(QUEUE)}?tab=bindings",
    "queue-messages": f"queues/%2F/{quoted(QUEUE)}?tab=messages",
    "queue-publish": f"queues/%2F/{quoted(QUEUE)}?tab=publish", "users": "users",
    "user": "users/guest", "vhosts": "vhosts", "vhost": "vhosts/%2F", "policies": "policies",
    "operator-policies": "policies?tab=operator", "limits": "limits", "definitions": "definitions",
    "missing": "there/is/none",
}


class Looks:
    """What there is to be looked at. Each width is a class of its own, so that they can be looked
    at side by side."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.makedirs(SHOTS, exist_ok=True)
        declare(QUEUE, 12, body=b'{"order": 4711, "items": [1, 2, 3]}',
                arguments={"x-max-length": 5000, "x-single-active-consumer": True})
        must("PUT", "exchanges", "/", "looks", body={"type": "topic", "durable": True})
        must("POST", "bindings", "/", "e", "looks", "q", QUEUE, body={"routing_key": "orders.#"})
        for place in ("policies", "operator-policies"):
            must("PUT", place, "/", "looks-policy", body={
                "pattern": "^looks", "definition": {"max-length": 100}, "apply-to": "queues"})
        must("PUT", "vhost-limits", "/", "max-connections", body={"value": 1000})
        cls.connection = connect("looks-client")
        cls.channel = cls.connection.channel()
        cls.channel.basic_publish("looks", "orders.new", b"x", pika.BasicProperties(delivery_mode=2))

    @classmethod
    def tearDownClass(cls):
        cls.connection.close()
        must("DELETE", "vhost-limits", "/", "max-connections")
        super().tearDownClass()

    def look(self, page, name, width, theme):
        """Takes the picture; then what is wrong with it, as texts."""
        page.wait_for_load_state("networkidle", timeout=5000)
        expect(page.locator(".bones")).to_have_count(0)
        page.screenshot(path=os.path.join(SHOTS, f"{name}-{width}-{theme}.png"), full_page=True)
        wrong = []
        over = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0:
            wrong.append(f"{name} {width} {theme}: {over} pixels too wide")
        if page.evaluate("typeof axe") == "undefined":
            with open(AXE, encoding="utf-8") as file:
                page.evaluate(file.read())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        for it in found["violations"]:
            if it["impact"] in ("serious", "critical"):
                where = [node["html"][:160] for node in it["nodes"][:3]]
                wrong.append(f"{name} {width} {theme}: {it['id']}: {it['help']} {where}")
        return wrong

    def look_at_every_page(self, width):
        wrong = []
        for theme in ("light", "dark"):
            page = self.new_page(viewport={"width": width, "height": HEIGHTS[width]},
                                 color_scheme=theme)
            page.goto(Shared.site.address)
            expect(page.get_by_role("button", name="Log in")).to_be_visible()
            wrong += self.look(page, "login", width, theme)
            self.login(page=page)
            expect(page.locator(".shell")).to_be_visible()
            for name, address in PAGES.items():
                page.goto(f"{Shared.site.address}#/{address}")
                expect(page.locator("#page h1")).to_have_count(1)
                if name == "queue-messages":
                    page.get_by_role("button", name="Get messages").click()
                    page.locator("details.message summary").first.click()
                wrong += self.look(page, name, width, theme)
            for name in ("connections", "channels"):
                page.goto(f"{Shared.site.address}#/{name}")
                page.locator("td.lead a").first.click()
                expect(page.locator(".crumbs a" if width > 560 else "#page h1")).to_have_count(1)
                wrong += self.look(page, name[:-1], width, theme)
            page.context.close()
        self.assertEqual(wrong, [], "\n".join(wrong))


class LooksOnAPhone(Looks, DashboardTest):
    def test_every_page_fits_and_is_accessible(self):
        self.look_at_every_page(360)


class LooksOnATablet(Looks, DashboardTest):
    def test_every_page_fits_and_is_accessible(self):
        self.look_at_every_page(820)


class LooksOnADesk(Looks, DashboardTest):
    def test_every_page_fits_and_is_accessible(self):
        self.look_at_every_page(1440)


class LooksOfDialogs(Looks, DashboardTest):
    def test_dialogs_and_banners_are_accessible(self):
        wrong = []
        for width, theme in ((360, "dark"), (1440, "light"), (1440, "dark")):
            page = self.new_page(viewport={"width": width, "height": HEIGHTS[width]},
                                 color_scheme=theme)
            page.route("**/api/nodes", with_alarms)
            self.login(page=page)
            expect(page.locator(".alarm").first).to_be_visible()
            wrong += self.look(page, "alarm", width, theme)
            for place, name in (("queues", "New queue"), ("policies", "New policy"),
                                ("users", "New user"), ("vhosts", "New virtual host")):
                page.goto(f"{Shared.site.address}#/{place}")
                page.get_by_role("button", name=name).first.click()
                expect(page.get_by_role("dialog")).to_be_visible()
                wrong += self.look(page, f"dialog-{place}", width, theme)
                page.keyboard.press("Escape")
            page.goto(f"{Shared.site.address}#/queues/%2F/{quoted(QUEUE)}")
            page.get_by_role("button", name="Delete", exact=True).click()
            wrong += self.look(page, "dialog-delete", width, theme)
            page.unroute_all(behavior="ignoreErrors")
            page.context.close()
        self.assertEqual(wrong, [], "\n".join(wrong))


def with_alarms(route):
    answer = route.fetch()
    nodes = answer.json()
    nodes[0].update(mem_alarm=True, disk_free_alarm=True)
    route.fulfill(response=answer, json=nodes)
