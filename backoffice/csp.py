"""What pages may load and run (Content Security Policy, level 3): our own files, and no script inside a page."""

from django.utils.csp import CSP

type Policy = dict[str, list[str] | str]

# Alpine, which unfold is made with, evaluates the expressions in its attributes: without 'unsafe-eval' no menu opens.
# Style attributes are unfold's; a style element needs the nonce of its page.
PAGES: Policy = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.UNSAFE_EVAL],
    "style-src": [CSP.SELF, CSP.NONCE],
    "style-src-attr": [CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
}

# A page that shows a letter in a frame of its own.
WITH_FRAME: Policy = PAGES | {"frame-src": [CSP.SELF]}

# The letter in that frame: its own styles and pictures, nothing from elsewhere, no scripts, no forms, no links.
# The sandbox stands here too, for whoever opens the frame's address by itself.
LETTER: Policy = {
    "default-src": [CSP.NONE],
    "style-src": [CSP.UNSAFE_INLINE],
    "img-src": ["data:"],
    "form-action": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.SELF],
    "sandbox": "",
}
