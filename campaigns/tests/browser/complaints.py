"""What a browser complains about while a test uses it."""

from playwright.sync_api import ConsoleMessage, Error, Page, Request, Response

# What htmx says of a request that the page was waiting for when it was left; one that fails has words of its own.
LEFT = ("htmx:afterRequest", "htmx:sendAbort")


class Complaints:
    """Errors in the console, which tells violations of the content security policy too, and requests that fail."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", self._script)
        page.on("requestfailed", self._lost)
        page.on("response", self._refused)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and message.text not in LEFT:
            self.heard.append(f"{message.page.url if message.page else '?'}: {message.text}")

    def _script(self, error: Error) -> None:
        self.heard.append(f"{error.message}\n{error.stack}")

    def _lost(self, request: Request) -> None:
        # A request that the page was waiting for when it was left.
        if request.failure != "net::ERR_ABORTED":
            self.heard.append(f"{request.url}: {request.failure}")

    def _refused(self, response: Response) -> None:
        if response.status >= 400:
            self.heard.append(f"{response.url}: {response.status}")
