# SPDX-License-Identifier: Apache-2.0
"""What the dashboard's tests share: the browser, the API beside it, and steps that people take."""
import atexit
import base64
import hashlib
import json
import os
import subprocess
import sys
import unittest
import urllib.error
import urllib.parse
import urllib.request

import pika
from playwright.sync_api import expect, sync_playwright

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHOTS = os.path.join(ROOT, "build", "ui", "screenshots")
AGAINST = os.environ["AMQP_AGAINST"]
AMQP_PORT = int(os.environ["AMQP_PORT"])
MGMT = f"http://127.0.0.1:{os.environ['MGMT_PORT']}"
LIMIT_MS = 15000
expect.set_options(timeout=LIMIT_MS)


def quoted(name):
    return urllib.parse.quote(name, safe="")


def api(method, *segments, body=None, user="guest", password="guest", query=""):
    """Asks the API; gives the status and the answer. Segments are quoted."""
    url = f"{MGMT}/api/{'/'.join(quoted(it) for it in segments)}{query}"
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    request = urllib.request.Request(
        url, method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Basic {token}", "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def must(method, *segments, **rest):
    status, answer = api(method, *segments, **rest)
    if not 200 <= status < 300:
        raise AssertionError(f"{method} {segments}: {status} {answer}")
    return answer


def is_there(*segments):
    return api("GET", *segments)[0] == 200


def connect(name="test"):
    return pika.BlockingConnection(pika.ConnectionParameters(
        "127.0.0.1", AMQP_PORT, heartbeat=0, client_properties={"connection_name": name}))


class Site:
    """Where the dashboard is: the broker itself, or the development server before RabbitMQ."""

    def __init__(self):
        self.server = None
        self.address = f"{MGMT}/"
        if AGAINST == "rabbitmq":
            modules = os.environ.get("UI_MODULES") or os.path.join(
                ROOT, "build", "dev", "mgmt", "ui", "node_modules")
            command = [os.path.join(ROOT, "mgmt", "ui", "dev-server"), "--port", "0", "--to", MGMT,
                       "--modules", modules, "--basic"]
            self.server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            self.address = self.server.stdout.readline().strip()

    def close(self):
        if self.server:
            self.server.terminate()
            self.server.wait()
            self.server.stdout.close()


def trusted_key():
    """What has Chromium, which knows no authority but the system's, take the broker's certificate:
    the hash of its key."""
    path = os.path.join(os.environ["AMQP_FOLDER"], "certificates", "server.pem")
    if not os.path.exists(path):
        return []
    key = subprocess.run(["openssl", "x509", "-in", path, "-pubkey", "-noout"],
                         capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key,
                         capture_output=True, check=True).stdout
    digest = base64.b64encode(hashlib.sha256(der).digest()).decode()
    return [f"--ignore-certificate-errors-spki-list={digest}"]


class Shared:
    """One browser and one site for all tests of the run."""
    playwright = browser = site = None

    @classmethod
    def start(cls):
        if cls.browser is None:
            cls.site = Site()
            cls.playwright = sync_playwright().start()
            cls.browser = cls.playwright.chromium.launch(
                executable_path="/usr/bin/chromium",
                args=["--no-sandbox", "--disable-dev-shm-usage", *trusted_key()])

    @classmethod
    def stop(cls):
        if cls.browser:
            cls.browser.close()
            cls.playwright.stop()
            cls.site.close()
            cls.browser = None


atexit.register(Shared.stop)


class DashboardTest(unittest.TestCase):
    """A test with a page of its own; what a page must never do is checked after each."""
    width, height, theme = 1280, 900, "light"
    address = None # of the site; or of another that shows the same

    @classmethod
    def setUpClass(cls):
        Shared.start()

    def setUp(self):
        self.address = self.address or Shared.site.address
        self.addresses = set()
        self.complaints = []
        self.page = self.new_page()

    def new_page(self, **options):
        context = Shared.browser.new_context(**{
            "viewport": {"width": self.width, "height": self.height}, "color_scheme": self.theme,
            "accept_downloads": True, "reduced_motion": "reduce", **options})
        context.set_default_timeout(LIMIT_MS)
        self.addCleanup(context.close)
        page = context.new_page()
        page.on("request", lambda it: self.addresses.add(it.url))
        page.on("pageerror", lambda it: self.complaints.append(f"{it}\n{it.stack}"))
        page.on("console", lambda it: self.complaints.append(it.text)
                if "Content Security Policy" in it.text or "Mixed Content" in it.text else None)
        return page

    def tearDown(self):
        self.assertEqual(self.complaints, [])
        elsewhere = {it for it in self.addresses
                     if not it.startswith((self.address, "blob:", "data:"))}
        self.assertEqual(elsewhere, set())

    def login(self, user="guest", password="guest", page=None):
        page = page or self.page
        page.goto(self.address)
        page.get_by_label("User name").fill(user)
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Log in").click()

    def enter(self, *segments, tab=None, page=None, **login):
        """Logs in and opens a page."""
        page = page or self.page
        self.login(page=page, **login)
        expect(page.locator(".shell")).to_be_visible()
        self.open(*segments, tab=tab, page=page)

    def open(self, *segments, tab=None, query="", page=None):
        page = page or self.page
        address = "#/" + "/".join(quoted(it) for it in segments)
        page.goto(self.address + address + (f"?tab={tab}" if tab else query))
        expect(page.locator("#page h1")).to_be_visible()

    def dialog(self):
        return self.page.get_by_role("dialog")

    def confirm(self, name, verb, typed=None):
        """Sees that the dialog names what will be lost, and goes on."""
        dialog = self.dialog()
        expect(dialog.get_by_role("list", name="Affected")).to_contain_text(name)
        if typed:
            dialog.get_by_label("Type the name to confirm").fill(typed)
        dialog.get_by_role("button", name=verb, exact=True).click()
        expect(dialog).to_have_count(0)

    def told(self, text):
        expect(self.page.locator("#toasts")).to_contain_text(text)

    def row(self, text):
        return self.page.locator("tbody tr", has_text=text)


def declare(queue, count=0, body=b"hello", vhost="/", arguments=None):
    must("PUT", "queues", vhost, queue, body={"durable": True, "arguments": arguments or {}})
    if count:
        connection = connect("declare")
        channel = connection.channel()
        channel.confirm_delivery()
        for at in range(count):
            channel.basic_publish("", queue, body + str(at).encode(),
                                  pika.BasicProperties(delivery_mode=2))
        connection.close()


if __name__ == "__main__":
    sys.exit("dashboard: this is no test; see test/ui/run")
