"""Passwords are shown as the RFCs' own examples say."""

import re

from camd.camera.address import Address, Login
from camd.camera.login import Answer, Basic, answer

MUFASA = Login("Mufasa", "Circle of Life")
RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


def said(header: str) -> dict[str, str]:
    """The parts of an answer."""
    return {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)}


def test_without_qop_the_answer_is_that_of_rfc_2069() -> None:
    challenge = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    given = answer([challenge], Login("Mufasa", "CircleOfLife"))
    assert given is not None
    assert said(given.header("GET", "/dir/index.html"))["response"] == "1949323746fe6a43ef61f9606e7febea"


def test_the_strongest_digest_is_taken_and_basic_last() -> None:
    offered = ['Basic realm="x"', RFC_7616.format("MD5"), RFC_7616.format("SHA-256")]
    best = answer(offered, MUFASA)
    assert isinstance(best, Answer)
    assert best.algorithm == "SHA-256"
    assert isinstance(answer(['Basic realm="x"', RFC_7616.format("SHA-512-256")], MUFASA), Basic)


def test_an_answer_with_qop_counts_and_verifies() -> None:
    given = answer([RFC_7616.format("SHA-256")], MUFASA)
    assert given is not None
    first, second = (said(given.header("GET", "/dir/index.html")) for _ in range(2))
    assert (first["nc"], second["nc"]) == ("00000001", "00000002")
    assert first["cnonce"] != second["cnonce"]
    assert first["opaque"] == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


def test_basic_is_that_of_rfc_7617() -> None:
    given = answer(['Basic realm="WallyWorld"'], Login("Aladdin", "open sesame"))
    assert given is not None
    assert given.header("GET", "/") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_nothing_is_answered_without_an_account_or_to_what_is_unknown() -> None:
    assert answer(['Basic realm="x"'], Login()) is None
    assert answer(["Negotiate", 'Digest realm="x"'], MUFASA) is None


def test_no_text_of_an_address_holds_what_is_secret() -> None:
    address = Address.of("rtsp://cam.lan/stream?password=geheim", Login("joe", "hunter2"))
    assert str(address) == "rtsp://cam.lan:554"
    assert not re.search("geheim|hunter2", repr(address) + str(address))
    assert address.uri == "rtsp://cam.lan:554/stream?password=geheim"
    assert str(Address.of("http://[fe80::1]/v", Login())) == "http://[fe80::1]:80"
