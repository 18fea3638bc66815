"""HTTP by hand, for what no library would send.

    raw = Raw(port, source="127.0.0.2")     # the address it comes from
    raw.send("GET / HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n")
    answer = raw.answer()                   # status, headers, body; None when closed without one
    raw.closed()                            # waits until the other end has closed
"""

import json
import socket
import ssl

PATIENCE = 60.0


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def error(self):
        try:
            return self.json().get("error")
        except ValueError:
            return None


class Raw:
    def __init__(self, port, source="127.0.0.1", tls=None, receive=None):
        self.socket = socket.socket()
        if receive is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.socket.bind((source, 0))
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.socket.close()

    def send(self, text):
        """False when the other end is gone."""
        try:
            self.socket.sendall(text if isinstance(text, bytes) else text.encode())
            return True
        except OSError:
            return False

    def more(self):
        try:
            piece = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError):
            piece = b""
        self.buffer += piece
        return piece

    def until(self, mark):
        """What comes before it; None if the other end closes first."""
        while mark not in self.buffer:
            if not self.more():
                return None
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def exactly(self, size):
        while len(self.buffer) < size:
            if not self.more():
                return None
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def chunks(self):
        body = b""
        while True:
            size = int(self.until(b"\r\n") or "0", 16)
            if size == 0:
                self.until(b"\r\n")
                return body
            body += self.exactly(size)
            self.until(b"\r\n")

    def head(self):
        text = self.until(b"\r\n\r\n")
        if text is None:
            return None
        first, *lines = text.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        return Answer(int(first.split(" ", 2)[1]), headers, b"")

    def answer(self, head_only=False):
        answer = self.head()
        if answer is None or head_only or answer.status < 200:
            return answer
        if "content-length" in answer.headers:
            answer.body = self.exactly(int(answer.headers["content-length"]))
        elif answer.headers.get("transfer-encoding") == "chunked":
            answer.body = self.chunks()
        return answer

    def closed(self):
        """What came until the other end closed."""
        while self.more():
            pass
        return self.buffer
