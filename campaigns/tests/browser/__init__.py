"""The pages as people use them: in Chromium, with a real worker and a real mail server."""
