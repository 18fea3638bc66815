"""The table of h2_conformance.py: what is sent after the preface, and what must come of it."""

import collections
import os

from h2raw import *

# What must come of it.
Broken = collections.namedtuple("Broken", "codes stream")  # stream None: only a connection error
Answered = collections.namedtuple("Answered", "stream body")  # body False: a status only
Alive = collections.namedtuple("Alive", "")
Seen = collections.namedtuple("Seen", "predicate")  # of all frames that came

WAIT = collections.namedtuple("WAIT", "stream")  # a step: until that stream has ended
ALL = collections.namedtuple("ALL", "size")  # a step: until so many bytes of DATA have come
Case = collections.namedtuple("Case", "section title steps expected preface")

CASES = []


def case(section, title, *steps, to, preface=None):
    CASES.append(Case(section, title, steps, to, preface))


def connection_error(*codes):
    return Broken(codes, None)


def stream_error(*codes, stream=1):
    """Or the same as a connection error, which section 5.4.2 leaves to the endpoint."""
    return Broken(codes, stream)


ANSWERED = Answered(1, True)
REFUSED = Answered(1, False)
ALIVE = Alive()

UNARY = "/flatline.v1.Stress/NonStreaming"
COLLECT = "/flatline.v1.Stress/ClientStreaming"
STREAM = "/flatline.v1.Stress/ServerStreaming"
BIDI = "/flatline.v1.Stress/BidiStreaming"

BODY = message(b"\x0a\xc8\x01" + os.urandom(200))  # a Payload with a body of 200 bytes
ENDLESS = message(b"")  # a StreamRequest without count


def head(stream=1, path=UNARY, flags=0, more=(), **changed):
    return headers(stream, block(request(path, *more, **changed)), flags)


def call(stream=1, **changed):
    """A whole unary call."""
    return head(stream, **changed) + data(stream, BODY, END_STREAM)


def half_closed(stream=1):
    """A stream that we have ended and the server cannot: its reply is endless, our window is not."""
    return head(stream, STREAM) + data(stream, ENDLESS, END_STREAM)


def without(*names):
    return block([pair for pair in request(UNARY) if pair[0] not in names])


def replaced(name, *pairs):
    """The request's headers with one of them replaced, or doubled, in its place."""
    out = []
    for pair in request(UNARY):
        out += pairs if pair[0] == name else [pair]
    return block(out)


def cut(fragment, kind_flags=0, stream=1):
    """The header block in a HEADERS and two CONTINUATION frames."""
    third = len(fragment) // 3
    return (
        frame(HEADERS, kind_flags, stream, fragment[:third])
        + frame(CONTINUATION, 0, stream, fragment[third : 2 * third])
        + frame(CONTINUATION, END_HEADERS, stream, fragment[2 * third :])
    )


WHOLE = block(request(UNARY))
REST = data(1, BODY, END_STREAM)

# 3.4 Connection preface

case("3.4", "a client preface and an empty SETTINGS", call(), to=ANSWERED)
case("3.4", "a request in the same flight as the preface", to=ANSWERED,
     preface=PREFACE + settings() + call())
case("3.4", "an invalid preface", preface=b"INVALID CONNECTION PREFACE\r\n\r\n" + settings(),
     to=connection_error("PROTOCOL_ERROR"))
case("3.4", "an HTTP/1.1 request", preface=b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
     to=connection_error("PROTOCOL_ERROR", "HTTP_1_1_REQUIRED"))
case("3.4", "a first frame that is not SETTINGS", preface=PREFACE + ping(),
     to=connection_error("PROTOCOL_ERROR"))

# 4.1 Frame format

case("4.1", "a frame of unknown type is ignored", frame(0x16, 0, 0, b"unknown!"), call(), to=ANSWERED)
case("4.1", "undefined flags are ignored", frame(PING, 0xFE & ~ACK, 0, b"flatline"), call(), to=ANSWERED)
case("4.1", "the reserved bit of the stream id is ignored", frame(PING, 0, 1 << 31, b"flatline"),
     call(), to=ANSWERED)

# 4.2 Frame size

case("4.2", "a DATA frame of 2^14 bytes is taken", head(path=COLLECT),
     data(1, (BODY * 79)[: 78 * len(BODY)]), data(1, BODY * 2, END_STREAM), to=ANSWERED)
case("4.2", "a DATA frame of exactly 2^14 bytes", head(path=COLLECT),
     data(1, (BODY * 80)[:16384]), data(1, (BODY * 80)[16384:], END_STREAM), to=ANSWERED)
case("4.2", "a DATA frame above SETTINGS_MAX_FRAME_SIZE", head(), data(1, bytes(16385), END_STREAM),
     to=stream_error("FRAME_SIZE_ERROR"))
case("4.2", "a HEADERS frame above SETTINGS_MAX_FRAME_SIZE",
     headers(1, WHOLE + literal("x-fill", "x" * 16385), END_STREAM), to=connection_error("FRAME_SIZE_ERROR"))
case("4.2", "a SETTINGS frame above SETTINGS_MAX_FRAME_SIZE", frame(SETTINGS, 0, 0, bytes(6 * 2731)),
     to=connection_error("FRAME_SIZE_ERROR"))
case("4.2", "a frame of unknown type above SETTINGS_MAX_FRAME_SIZE", frame(0x16, 0, 0, bytes(16385)),
     to=connection_error("FRAME_SIZE_ERROR"))

# 4.3 Field section compression

case("4.3", "an invalid header block fragment", headers(1, b"\x00\x00\x00\x00\x00", END_STREAM),
     to=Broken(("COMPRESSION_ERROR", "PROTOCOL_ERROR"), 1))
case("4.3", "a header block that ends in the middle of a field", headers(1, WHOLE[:-3], END_STREAM),
     to=connection_error("COMPRESSION_ERROR"))
case("4.3", "a PRIORITY frame inside a header block", frame(HEADERS, 0, 1, WHOLE), priority(1, 0),
     frame(CONTINUATION, END_HEADERS, 1), to=connection_error("PROTOCOL_ERROR"))
case("4.3", "a PING frame inside a header block", frame(HEADERS, 0, 1, WHOLE), ping(),
     to=connection_error("PROTOCOL_ERROR"))
case("4.3", "another stream's HEADERS inside a header block", frame(HEADERS, 0, 1, WHOLE),
     headers(3, WHOLE, END_STREAM), to=connection_error("PROTOCOL_ERROR"))
case("4.3", "an empty HEADERS frame, the block in CONTINUATION", frame(HEADERS, 0, 1),
     frame(CONTINUATION, END_HEADERS, 1, WHOLE), REST, to=ANSWERED)

# 5.1 Stream states

case("5.1", "idle: DATA", data(1, BODY, END_STREAM), to=connection_error("PROTOCOL_ERROR", "STREAM_CLOSED"))
case("5.1", "idle: RST_STREAM", reset(1), to=connection_error("PROTOCOL_ERROR"))
case("5.1", "idle: WINDOW_UPDATE", window(1, 100), to=connection_error("PROTOCOL_ERROR"))
case("5.1", "idle: CONTINUATION", frame(CONTINUATION, END_HEADERS, 1, WHOLE),
     to=connection_error("PROTOCOL_ERROR"))
case("5.1", "idle: PRIORITY is allowed", priority(1, 0), call(), to=ANSWERED)
case("5.1", "half-closed (remote): DATA", half_closed(), data(1, BODY), to=stream_error("STREAM_CLOSED"))
case("5.1", "half-closed (remote): HEADERS", half_closed(), head(1, STREAM, END_STREAM),
     to=stream_error("STREAM_CLOSED"))
case("5.1", "half-closed (remote): CONTINUATION", half_closed(),
     frame(CONTINUATION, END_HEADERS, 1, WHOLE), to=connection_error("PROTOCOL_ERROR", "STREAM_CLOSED"))
case("5.1", "half-closed (remote): WINDOW_UPDATE is allowed", half_closed(), window(1, 1000), to=ALIVE)
case("5.1", "half-closed (remote): PRIORITY is allowed", half_closed(), priority(1, 0), to=ALIVE)
case("5.1", "half-closed (remote): RST_STREAM is allowed", half_closed(), reset(1),
     window(0, 1 << 20), call(3), to=Answered(3, True))
case("5.1", "closed: PRIORITY is allowed", call(), WAIT(1), priority(1, 0), call(3), to=Answered(3, True))
case("5.1", "closed: WINDOW_UPDATE that was under way", call(), WAIT(1), window(1, 100), call(3),
     to=Answered(3, True))
case("5.1", "closed: RST_STREAM that was under way", call(), WAIT(1), reset(1), call(3),
     to=Answered(3, True))
case("5.1", "closed: CONTINUATION", call(), WAIT(1), frame(CONTINUATION, END_HEADERS, 1, WHOLE),
     to=connection_error("PROTOCOL_ERROR", "STREAM_CLOSED"))
case("5.1", "closed by our reset: CONTINUATION", half_closed(), reset(1),
     frame(CONTINUATION, END_HEADERS, 1, WHOLE), to=connection_error("PROTOCOL_ERROR", "STREAM_CLOSED"))


def ignored_or_closed(got):
    """Section 5.1, closed: an endpoint MAY treat it as a connection error STREAM_CLOSED; a stream error
    was RFC 7540's; what may never happen is an answer to the closed stream."""
    codes = [one.code() for one in got if one.kind in (GOAWAY, RST_STREAM)]
    ends = [one for one in got if one.ends(1) and one.kind == HEADERS]
    return len(ends) == 1 and all(code in ("STREAM_CLOSED", "NO_ERROR") for code in codes)


case("5.1", "closed: DATA", call(), WAIT(1), data(1, BODY, END_STREAM), to=Seen(ignored_or_closed))
case("5.1", "closed: HEADERS", call(), WAIT(1), head(flags=END_STREAM), to=Seen(ignored_or_closed))
case("5.1", "closed by our reset: DATA", half_closed(), reset(1), data(1, BODY),
     to=Seen(lambda got: all(o.code() == "STREAM_CLOSED" for o in got if o.kind in (GOAWAY, RST_STREAM))))
case("5.1", "closed by our reset: HEADERS", half_closed(), reset(1), head(1, flags=END_STREAM),
     to=Seen(lambda got: all(o.code() == "STREAM_CLOSED" for o in got if o.kind in (GOAWAY, RST_STREAM))))

# 5.1.1 Stream identifiers

case("5.1.1", "an even stream id", call(2), to=connection_error("PROTOCOL_ERROR"))
case("5.1.1", "a stream id below one that was opened", call(5), WAIT(5), call(3),
     to=connection_error("PROTOCOL_ERROR"))
case("5.1.1", "... while that one is still open", half_closed(7), call(3), to=connection_error("PROTOCOL_ERROR"))
case("5.1.1", "stream ids may be left out", call(5), WAIT(5), call(9), to=Answered(9, True))

# 5.1.2 Stream concurrency


def one_too_many(got):
    refused = [one for one in got if one.kind == RST_STREAM]
    gone = [one for one in got if one.kind == GOAWAY]
    codes = ("PROTOCOL_ERROR", "REFUSED_STREAM")
    return (len(refused) == 1 and refused[0].stream == 513 and refused[0].code() in codes) or (
        bool(gone) and gone[0].code() in codes)


case("5.1.2", "one stream more than MAX_CONCURRENT_STREAMS",
     b"".join(head(1 + 2 * i, BIDI) for i in range(257)), to=Seen(one_too_many))
case("5.1.2", "as many streams as MAX_CONCURRENT_STREAMS",
     b"".join(head(1 + 2 * i, BIDI) for i in range(256)), to=ALIVE)

# 5.3 Priority: deprecated, and still to be parsed. An endpoint may ignore all of it, self-dependency too.

case("5.3", "HEADERS with priority", headers(1, dependency(0, 255) + WHOLE, PRIORITIZED), REST, to=ANSWERED)
case("5.3", "an exclusive dependency", headers(1, dependency(0, 16, True) + WHOLE, PRIORITIZED), REST,
     to=ANSWERED)
case("5.3", "a dependency on an idle stream", priority(1, 99), call(), to=ANSWERED)
case("5.3", "PRIORITY for an idle stream, then a lower one opens", priority(5, 0), call(), to=ANSWERED)
case("5.3", "weights 1 and 256", priority(1, 0, weight=1), priority(3, 0, weight=256), call(), to=ANSWERED)


def harmless_or(code):
    def harmless(got):
        return all(one.code() in (code, "NO_ERROR") for one in got if one.kind in (GOAWAY, RST_STREAM))

    return Seen(harmless)


case("5.3", "a stream that depends on itself, in HEADERS",
     headers(1, dependency(1) + WHOLE, PRIORITIZED), REST, to=harmless_or("PROTOCOL_ERROR"))
case("5.3", "a stream that depends on itself, in PRIORITY", head(), priority(1, 1),
     to=harmless_or("PROTOCOL_ERROR"))

# 5.4 Error handling

case("5.4.1", "the connection is closed after a connection error", frame(PING, 0, 1, b"flatline"),
     to=connection_error("PROTOCOL_ERROR"))
case("5.4.1", "GOAWAY names the last stream", call(), WAIT(1), frame(PING, 0, 1, b"flatline"),
     to=Seen(lambda got: [o.payload[:4] for o in got if o.kind == GOAWAY] == [b"\0\0\0\1"]))
case("5.4.2", "after a stream error other streams go on", headers(1, without(":path"), END_STREAM),
     call(3), to=Answered(3, True))

# 5.5 Extending HTTP/2

case("5.5", "an unknown frame on a stream is ignored", head(), frame(0x42, 0xFF, 1, b"?" * 100), REST,
     to=ANSWERED)
case("5.5", "an unknown frame inside a header block", frame(HEADERS, 0, 1, WHOLE), frame(0x42, 0, 0, b"?"),
     frame(CONTINUATION, END_HEADERS, 1), to=connection_error("PROTOCOL_ERROR"))
case("5.5", "an unknown setting is ignored", settings((0xFF, 1), (0x0A0A, 7)), call(), to=ANSWERED)

# 6.1 DATA

case("6.1", "on stream 0", data(0, BODY), to=connection_error("PROTOCOL_ERROR"))
case("6.1", "padded", head(), data(1, b"\x05" + BODY + bytes(5), PADDED | END_STREAM), to=ANSWERED)
case("6.1", "in single bytes", head(), b"".join(data(1, BODY[i : i + 1]) for i in range(len(BODY))),
     data(1, b"", END_STREAM), to=ANSWERED)
case("6.1", "padding as long as the frame", head(), data(1, b"\x05" + bytes(4), PADDED | END_STREAM),
     to=connection_error("PROTOCOL_ERROR"))
case("6.1", "a padded frame without its pad length", head(), data(1, b"", PADDED | END_STREAM),
     to=connection_error("PROTOCOL_ERROR", "FRAME_SIZE_ERROR"))

# 6.2 HEADERS

case("6.2", "on stream 0", headers(0, WHOLE, END_STREAM), to=connection_error("PROTOCOL_ERROR"))
case("6.2", "padded", headers(1, b"\x05" + WHOLE + bytes(5), PADDED), REST, to=ANSWERED)
case("6.2", "padded and with priority",
     headers(1, b"\x05" + dependency(0) + WHOLE + bytes(5), PADDED | PRIORITIZED), REST, to=ANSWERED)
case("6.2", "padding longer than the frame", headers(1, bytes([len(WHOLE) + 1]) + WHOLE, PADDED | END_STREAM),
     to=connection_error("PROTOCOL_ERROR"))
case("6.2", "with priority, and too short for it", headers(1, b"\0\0", PRIORITIZED | END_STREAM),
     to=connection_error("FRAME_SIZE_ERROR", "PROTOCOL_ERROR"))

# 6.3 PRIORITY

case("6.3", "on stream 0", priority(0, 1), to=connection_error("PROTOCOL_ERROR"))
case("6.3", "of 4 bytes", head(), frame(PRIORITY, 0, 1, bytes(4)), to=stream_error("FRAME_SIZE_ERROR"))
case("6.3", "of 6 bytes", head(), frame(PRIORITY, 0, 1, bytes(6)), to=stream_error("FRAME_SIZE_ERROR"))

# 6.4 RST_STREAM

case("6.4", "on stream 0", reset(0), to=connection_error("PROTOCOL_ERROR"))
case("6.4", "on an idle stream", call(), WAIT(1), reset(3), to=connection_error("PROTOCOL_ERROR"))
case("6.4", "of 3 bytes", head(), frame(RST_STREAM, 0, 1, bytes(3)), to=connection_error("FRAME_SIZE_ERROR"))
case("6.4", "of 5 bytes", head(), frame(RST_STREAM, 0, 1, bytes(5)), to=connection_error("FRAME_SIZE_ERROR"))
case("6.4", "on an open stream", head(), reset(1), call(3), to=Answered(3, True))

# 6.5 SETTINGS

case("6.5", "an ACK with payload", frame(SETTINGS, ACK, 0, bytes(6)), to=connection_error("FRAME_SIZE_ERROR"))
case("6.5", "on stream 1", frame(SETTINGS, 0, 1), to=connection_error("PROTOCOL_ERROR"))
case("6.5", "of 5 bytes", frame(SETTINGS, 0, 0, bytes(5)), to=connection_error("FRAME_SIZE_ERROR"))
for setting, value, code in (
    (ENABLE_PUSH, 2, "PROTOCOL_ERROR"),
    (INITIAL_WINDOW, 1 << 31, "FLOW_CONTROL_ERROR"),
    (INITIAL_WINDOW, (1 << 32) - 1, "FLOW_CONTROL_ERROR"),
    (MAX_FRAME, (1 << 14) - 1, "PROTOCOL_ERROR"),
    (MAX_FRAME, 1 << 24, "PROTOCOL_ERROR"),
):
    case("6.5.2", "setting %d as %d" % (setting, value), settings((setting, value)),
         to=connection_error(code))
case("6.5.2", "the largest values that are allowed",
     settings((HEADER_TABLE_SIZE, (1 << 32) - 1), (ENABLE_PUSH, 1), (MAX_STREAMS, (1 << 32) - 1),
              (INITIAL_WINDOW, (1 << 31) - 1), (MAX_FRAME, (1 << 24) - 1), (MAX_LIST, (1 << 32) - 1)),
     call(), to=ANSWERED)
case("6.5.2", "the smallest values that are allowed",
     settings((HEADER_TABLE_SIZE, 0), (ENABLE_PUSH, 0), (MAX_FRAME, 1 << 14)), call(), to=ANSWERED)


def acknowledged(times):
    return Seen(lambda got: times == sum(
        one.kind == SETTINGS and one.flags == ACK and not one.payload for one in got))


def data_lengths(got):
    return [len(one.payload) for one in got if one.kind == DATA and one.stream == 1]


case("6.5.3", "each SETTINGS is acknowledged", settings(), settings(), to=acknowledged(3))
case("6.5.3", "of a setting given twice the last value counts",
     settings((INITIAL_WINDOW, 100), (INITIAL_WINDOW, 1)), call(),
     ALL(1), to=Seen(lambda got: data_lengths(got) == [1]))
case("6.5.3", "our ACK is not acknowledged", frame(SETTINGS, ACK, 0), to=acknowledged(1))

# 6.6 PUSH_PROMISE

case("6.6", "from a client", head(), frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + WHOLE),
     to=connection_error("PROTOCOL_ERROR"))

# 6.7 PING

case("6.7", "is answered with its payload", ping(b"\0\1\2\3\4\5\6\7"),
     to=Seen(lambda got: Frame(PING, ACK, 0, b"\0\1\2\3\4\5\6\7") in got))
case("6.7", "a PING with ACK is not answered", ping(b"unasked!", ACK), call(), to=ANSWERED)
case("6.7", "on stream 1", frame(PING, 0, 1, b"flatline"), to=connection_error("PROTOCOL_ERROR"))
case("6.7", "of 6 bytes", frame(PING, 0, 0, bytes(6)), to=connection_error("FRAME_SIZE_ERROR"))
case("6.7", "of 9 bytes", frame(PING, 0, 0, bytes(9)), to=connection_error("FRAME_SIZE_ERROR"))

# 6.8 GOAWAY

case("6.8", "on stream 1", frame(GOAWAY, 0, 1, bytes(8)), to=connection_error("PROTOCOL_ERROR"))
case("6.8", "of 7 bytes", frame(GOAWAY, 0, 0, bytes(7)), to=connection_error("FRAME_SIZE_ERROR"))
case("6.8", "a call under way is still answered", head(), frame(GOAWAY, 0, 0, bytes(8)), REST,
     to=Seen(lambda got: any(one.ends(1) and one.kind == HEADERS for one in got)))

# 6.9 WINDOW_UPDATE

MOST = (1 << 31) - 1
SHUT = settings((INITIAL_WINDOW, 0))

case("6.9", "an increment of 0 on the connection", window(0, 0), to=connection_error("PROTOCOL_ERROR"))
case("6.9", "an increment of 0 on a stream", half_closed(), window(1, 0), to=stream_error("PROTOCOL_ERROR"))
case("6.9", "of 3 bytes", frame(WINDOW_UPDATE, 0, 0, bytes(3)), to=connection_error("FRAME_SIZE_ERROR"))
case("6.9", "of 5 bytes", frame(WINDOW_UPDATE, 0, 0, bytes(5)), to=connection_error("FRAME_SIZE_ERROR"))
case("6.9.1", "no byte passes a shut window", SHUT, call(), to=Seen(lambda got: sum(data_lengths(got)) == 0))
case("6.9.1", "as many bytes as the window allows", SHUT, call(), window(1, 10), window(1, 7),
     ALL(17), to=Seen(lambda got: sum(data_lengths(got)) == 17))
case("6.9.1", "the connection's window is kept, too", settings((INITIAL_WINDOW, MOST)), half_closed(),
     ALL(65535), to=Seen(lambda got: sum(data_lengths(got)) == 65535))
case("6.9.1", "a connection window above 2^31 - 1", window(0, MOST), to=connection_error("FLOW_CONTROL_ERROR"))
case("6.9.1", "a stream window above 2^31 - 1", SHUT, half_closed(), window(1, MOST), window(1, MOST),
     to=stream_error("FLOW_CONTROL_ERROR"))
case("6.9.2", "a new initial window changes open streams", SHUT, call(), settings((INITIAL_WINDOW, 9)),
     ALL(9), to=Seen(lambda got: sum(data_lengths(got)) == 9))
case("6.9.2", "a window may become negative", settings((INITIAL_WINDOW, 9)), call(),
     ALL(9), settings((INITIAL_WINDOW, 4)), window(1, 5), window(1, 3), ALL(12),
     to=Seen(lambda got: sum(data_lengths(got)) == 12))
case("6.9.2", "a new initial window lifts a stream's above 2^31 - 1", SHUT, half_closed(), window(1, MOST),
     settings((INITIAL_WINDOW, 1 << 17)), to=connection_error("FLOW_CONTROL_ERROR"))

# 6.10 CONTINUATION

case("6.10", "several", cut(WHOLE), REST, to=ANSWERED)
case("6.10", "several, END_STREAM on HEADERS", cut(block(request(COLLECT)), END_STREAM), to=ANSWERED)
case("6.10", "followed by DATA without END_HEADERS", frame(HEADERS, 0, 1, WHOLE[:9]),
     frame(CONTINUATION, 0, 1, WHOLE[9:]), REST, to=connection_error("PROTOCOL_ERROR"))
case("6.10", "on stream 0", frame(HEADERS, 0, 1, WHOLE[:9]), frame(CONTINUATION, END_HEADERS, 0, WHOLE[9:]),
     to=connection_error("PROTOCOL_ERROR"))
case("6.10", "on another stream", frame(HEADERS, 0, 1, WHOLE[:9]),
     frame(CONTINUATION, END_HEADERS, 3, WHOLE[9:]), to=connection_error("PROTOCOL_ERROR"))
case("6.10", "after HEADERS with END_HEADERS", head(), frame(CONTINUATION, END_HEADERS, 1, WHOLE),
     to=connection_error("PROTOCOL_ERROR"))
case("6.10", "after CONTINUATION with END_HEADERS", cut(WHOLE), frame(CONTINUATION, END_HEADERS, 1, WHOLE),
     to=connection_error("PROTOCOL_ERROR"))
case("6.10", "after DATA", head(), data(1, BODY), frame(CONTINUATION, END_HEADERS, 1, WHOLE),
     to=connection_error("PROTOCOL_ERROR"))
case("6.10", "without end", frame(HEADERS, 0, 1, WHOLE[:9]),
     b"".join(frame(CONTINUATION, 0, 1, literal("x-fill", "x" * 1000)) for _ in range(1000)),
     to=connection_error("PROTOCOL_ERROR", "ENHANCE_YOUR_CALM", "INTERNAL_ERROR", "FRAME_SIZE_ERROR",
                         "COMPRESSION_ERROR"))

# 7 Error codes

case("7", "RST_STREAM with an unknown code", head(), reset(1, 0xFFFF), call(3), to=Answered(3, True))
case("7", "GOAWAY with an unknown code", frame(GOAWAY, 0, 0, bytes(7) + b"\xff"), to=Seen(
    lambda got: all(one.code() == "NO_ERROR" for one in got if one.kind == GOAWAY)))

# 8.1 HTTP message framing

TRAILERS = block([("x-checksum", "1")])

case("8.1", "a request with trailers", head(), data(1, BODY), headers(1, TRAILERS, END_STREAM), to=ANSWERED)
case("8.1", "trailers that do not end the stream", head(), data(1, BODY), headers(1, TRAILERS),
     to=stream_error("PROTOCOL_ERROR"))
case("8.1", "a second request on the stream", head(), head(), to=stream_error("PROTOCOL_ERROR"))
case("8.1", "a method that is not POST", head(flags=END_STREAM, method="GET"), to=REFUSED)
case("8.1", "HEAD", head(flags=END_STREAM, method="HEAD"), to=REFUSED)


def malformed(section, title, fragment, *rest):
    """A malformed request is a stream error of type PROTOCOL_ERROR (section 8.1.1)."""
    case(section, title, headers(1, fragment, 0 if rest else END_STREAM), *rest,
         to=stream_error("PROTOCOL_ERROR"))


malformed("8.2.1", "an uppercase name", WHOLE + literal("X-Upper", "1"))
malformed("8.2.1", "an empty name", WHOLE + literal("", "1"))
malformed("8.2.1", "a space in a name", WHOLE + literal("x space", "1"))
malformed("8.2.1", "a colon in a name", WHOLE + literal("x:colon", "1"))
malformed("8.2.1", "a control character in a name", WHOLE + literal("x\x01", "1"))
malformed("8.2.1", "a name beyond ASCII", WHOLE + literal(b"x\xe4", "1"))
for character in ("\0", "\r", "\n"):
    malformed("8.2.1", "%r in a value" % character, WHOLE + literal("x-value", "a%sb" % character))
malformed("8.2.1", "a space before a value", WHOLE + literal("x-value", " a"))
malformed("8.2.1", "a space behind a value", WHOLE + literal("x-value", "a "))
for name in ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"):
    malformed("8.2.2", "the connection-specific " + name, WHOLE + literal(name, "close"))
malformed("8.2.2", "te other than trailers", replaced("te", ("te", "trailers, deflate")))
malformed("8.3", "an unknown pseudo-header", block([(":test", "1")]) + WHOLE)
malformed("8.3", "a response's pseudo-header", block([(":status", "200")]) + WHOLE)
malformed("8.3", "a pseudo-header behind a field", WHOLE + literal(":authority", "localhost"))
malformed("8.3", "pseudo-headers behind all fields", without(":method") + literal(":method", "POST"))
malformed("8.3", "a pseudo-header in trailers", WHOLE, data(1, BODY),
          headers(1, block([(":path", "/")]), END_STREAM))
malformed("8.3.1", "an empty :path", replaced(":path", (":path", "")))
malformed("8.3.1", "a :path that is no path", replaced(":path", (":path", "flatline")))
for name in (":method", ":scheme", ":path"):
    malformed("8.3.1", "no " + name, without(name))
    malformed("8.3.1", name + " twice", replaced(name, *[p for p in request(UNARY) if p[0] == name] * 2))
malformed("8.3.1", ":authority twice", replaced(":authority", (":authority", "a"), (":authority", "b")))
malformed("8.3.1", "an invalid :method", replaced(":method", (":method", "PO ST")))
malformed("8.1.1", "content-length above the DATA", WHOLE + literal("content-length", "4000"), REST)
malformed("8.1.1", "content-length below the DATA", WHOLE + literal("content-length", "1"), REST)
malformed("8.1.1", "content-length below the sum of DATA frames", WHOLE + literal("content-length", "208"),
          data(1, BODY[:100]), data(1, BODY[100:] + b"?", END_STREAM))
malformed("8.1.1", "content-length without DATA", WHOLE + literal("content-length", "1"))
malformed("8.1.1", "a content-length that is no number", WHOLE + literal("content-length", "many"), REST)
malformed("8.1.1", "content-length twice",
          WHOLE + literal("content-length", str(len(BODY))) + literal("content-length", "5"), REST)
case("8.1.1", "the right content-length", headers(1, WHOLE + literal("content-length", str(len(BODY)))), REST,
     to=ANSWERED)

# RFC 7541: what is valid ...


def indexed(name_index, value, first=0x00, prefix=4):
    """A literal whose name is in the table."""
    return integer(name_index, prefix, first) + text(value)


METHOD, SCHEME = b"\x83", b"\x86"  # static entries 3 and 6: POST and http
AUTHORITY = indexed(1, "localhost")
STATIC = METHOD + SCHEME + indexed(4, UNARY) + AUTHORITY
FIELDS = literal("content-type", "application/grpc") + literal("te", "trailers")
GRPC_HUFFMAN = bytes.fromhex("1d75d0620d263d4c4d6564")  # application/grpc

case("HPACK 6.1", "static entries", headers(1, STATIC + FIELDS), REST, to=ANSWERED)
case("HPACK 6.2.1", "with incremental indexing, then from the dynamic table",
     headers(1, METHOD + SCHEME + AUTHORITY + indexed(4, UNARY, 0x40, 6) + indexed(31, "application/grpc", 0x40, 6)
             + b"\x40" + text("te") + text("trailers")), REST, WAIT(1),
     headers(3, METHOD + SCHEME + AUTHORITY + b"\xc0\xbf\xbe"), data(3, BODY, END_STREAM), to=Answered(3, True))
case("HPACK 6.2.2", "without indexing", headers(1, STATIC + FIELDS), REST, to=ANSWERED)
case("HPACK 6.2.3", "never indexed", headers(1, METHOD + SCHEME + AUTHORITY + indexed(4, UNARY, 0x10)
                                             + b"\x10" + text("te") + text("trailers")
                                             + indexed(31, "application/grpc", 0x10)), REST, to=ANSWERED)
case("HPACK 5.2", "Huffman", headers(1, STATIC + literal("te", "trailers") + integer(31, 4)
                                     + integer(len(GRPC_HUFFMAN), 7, 0x80) + GRPC_HUFFMAN), REST, to=ANSWERED)
case("HPACK 6.3", "table size updates at the beginning", headers(1, b"\x20\x3f\xe1\x1f" + WHOLE), REST,
     to=ANSWERED)

# ... and what is not.


def undecodable(section, title, fragment):
    case("HPACK " + section, title, headers(1, fragment, END_STREAM), to=connection_error("COMPRESSION_ERROR"))


def huffman(octets):
    return literal("x-name", "")[:-1] + integer(len(octets), 7, 0x80) + octets


undecodable("2.3.3", "an index beyond the tables", WHOLE + b"\xbe")
undecodable("2.3.3", "a literal whose name's index is beyond the tables", WHOLE + b"\x7e\x01a")
undecodable("4.2", "a table size update at the end", WHOLE + b"\x21")
undecodable("5.1", "an integer that overflows", WHOLE + b"\xff" + b"\xff" * 12)
undecodable("5.1", "an integer that does not end", WHOLE + b"\xff\x80")
undecodable("5.2", "a string longer than the block", WHOLE + b"\0\x7f\x01name")
undecodable("5.2", "Huffman padding of more than 7 bits", WHOLE + huffman(b"\x1f\xff"))
undecodable("5.2", "Huffman padding with zeros", WHOLE + huffman(b"\x18"))
undecodable("5.2", "the EOS symbol", WHOLE + huffman(b"\xff\xff\xff\xff"))
undecodable("6.1", "index 0", WHOLE + b"\x80")
undecodable("6.3", "a table size update above the limit", b"\x3f\xe2\x1f" + WHOLE)
