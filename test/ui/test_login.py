# SPDX-License-Identifier: Apache-2.0
from dashboard import DashboardTest, expect, is_there, must


class Login(DashboardTest):
    def test_wrong_password_is_told_and_right_one_opens_the_overview(self):
        self.login(password="wrong")
        expect(self.page.get_by_role("alert")).to_contain_text("wrong")
        self.page.get_by_label("Password", exact=True).fill("guest")
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("heading", name="Overview", level=1)).to_be_visible()

    def test_session_outlives_a_reload_and_ends_with_logging_out(self):
        self.enter("queues")
        self.page.reload()
        expect(self.page.get_by_role("heading", name="Queues", level=1)).to_be_visible()
        self.page.get_by_role("button", name="User guest").click()
        self.page.get_by_role("menuitem", name="Log out").click()
        expect(self.page.get_by_role("button", name="Log in")).to_be_visible()
        self.page.reload()
        expect(self.page.get_by_role("button", name="Log in")).to_be_visible()

    def test_cookie_is_out_of_reach_for_scripts(self):
        self.enter("overview")
        self.assertEqual(self.page.evaluate("document.cookie"), "")
        cookies = self.page.context.cookies()
        self.assertTrue(cookies and all(it["httpOnly"] and it["sameSite"] == "Strict"
                                        for it in cookies), cookies)

    def test_user_without_tags_is_refused(self):
        must("PUT", "users", "plain", body={"password": "pw", "tags": ""})
        self.login("plain", "pw")
        expect(self.page.get_by_role("alert")).to_be_visible()
        expect(self.page.locator(".shell")).to_have_count(0)

    def test_user_without_permission_sees_the_reason_where_it_happened(self):
        must("PUT", "users", "clerk", body={"password": "pw", "tags": "management"})
        must("PUT", "permissions", "/", "clerk",
             body={"configure": "^clerk", "write": ".*", "read": ".*"})
        self.enter("queues", user="clerk", password="pw")
        expect(self.page.get_by_role("link", name="Users")).to_have_count(0)
        self.page.get_by_role("button", name="New queue").first.click()
        self.dialog().get_by_label("Name", exact=True).fill("forbidden")
        self.dialog().get_by_role("button", name="Create queue").click()
        expect(self.dialog().get_by_role("alert")).to_contain_text("refused")
        self.assertFalse(is_there("queues", "/", "forbidden"))
        self.page.keyboard.press("Escape")
        self.open("users")
        expect(self.page.get_by_role("alert").filter(has_text="ot ")).to_be_visible()
        expect(self.page.locator(".shell")).to_be_visible()
