"""An authority, and a certificate of its for 127.0.0.1."""

import subprocess
from pathlib import Path

CA = "ca.pem"
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def make(folder: Path) -> None:
    """Write ca.pem, and server.pem with server.key, which anybody may read: the servers run as users of their own."""
    authority = ["-subj", "/CN=The tests", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    _openssl("req", "-x509", *KEY, *authority, "-days", "2", "-keyout", "ca.key", "-out", CA, folder=folder)
    _openssl("req", "-new", *KEY, "-subj", "/CN=mail.test", "-keyout", "server.key", "-out", "request", folder=folder)
    (folder / "extensions").write_text(
        "subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
    )
    signed = ["-CA", CA, "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions"]
    _openssl("x509", "-req", "-in", "request", *signed, "-out", "server.pem", folder=folder)
    (folder / "server.key").chmod(0o644)


def _openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
