# SPDX-License-Identifier: Apache-2.0
"""The dashboard where the management has TLS, with a certificate that the test has made."""
import os
import ssl
import unittest
import urllib.request

from dashboard import AGAINST, DashboardTest, declare, expect

PORT = os.environ.get("MGMT_TLS_PORT")


@unittest.skipIf(AGAINST != "stoatmq", "there the pages come from the development server")
class Https(DashboardTest):
    address = f"https://localhost:{PORT}/"

    def test_certificate_leads_to_the_authority_and_the_page_may_not_be_framed_or_sniffed(self):
        trust = ssl.create_default_context(cafile=os.environ["AMQP_CA"])
        with urllib.request.urlopen(self.address, context=trust, timeout=30) as answer:
            self.assertEqual(answer.status, 200)
            self.assertIn("frame-ancestors 'none'", answer.headers["Content-Security-Policy"])
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")

    def test_pages_work_and_all_that_they_ask_for_comes_by_tls(self):
        declare("by-tls", 3)
        answers = []
        self.page.on("response", lambda it: answers.append(it))  # it wants a function of ours
        self.enter("queues")
        expect(self.row("by-tls")).to_be_visible()
        self.open("queues", "/", "by-tls", tab="messages")
        self.page.get_by_role("button", name="Get messages").click()
        expect(self.page.locator("details.message").first).to_be_visible()
        self.open("overview")
        self.assertGreater(len(answers), 5)
        for answer in answers:
            self.assertTrue(answer.url.startswith(self.address), answer.url)
            details = answer.security_details()
            self.assertEqual((details["protocol"], details["subjectName"], details["issuer"]),
                             ("TLS 1.3", "localhost", "intermediate"), answer.url)

    def test_session_cookie_goes_by_tls_only(self):
        self.enter("overview")
        cookies = self.page.context.cookies()
        self.assertTrue(cookies and all(it["secure"] and it["httpOnly"] for it in cookies), cookies)
