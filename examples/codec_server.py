"""Serve a codec to moclink from another environment: NumPy and Python 3.7 are enough.

    # codec.py, run by the Python of your model's environment
    from codec_server import serve
    serve(MyCodec())

    python -m moclink.simulate --chains "exec:path/to/that/python codec.py"

The codec has encode(images) and decode(received, height, width, snr_db), of which decode may leave
out the last ones, and may have the attributes
alphabet, cbr, multiple and adaptive (then it is called encode(images, snr_db=...)). If it is a class
or function it is called with what moclink says of the run, a dict. docs/own-codec.md states the
protocol for programs that are not in Python.
"""

import inspect
import json
import os
import sys

import numpy as np


def serve(codec):
    """Answer messages until standard input ends. What is printed goes to standard error."""
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print would break the protocol
    while True:
        line = asked.readline()
        if not line:
            return
        message = json.loads(line.decode())
        array = None
        if "shape" in message:
            kind = np.dtype(message["dtype"]).newbyteorder("<")
            size = int(np.prod(message["shape"])) * kind.itemsize
            array = np.frombuffer(asked.read(size), kind).reshape(message["shape"])
        try:
            if message["call"] == "hello":
                if not hasattr(codec, "encode") or isinstance(codec, type):
                    codec = codec(message)
                names = ("alphabet", "cbr", "multiple", "adaptive")
                answer = {name: getattr(codec, name, None) for name in names}
                returned = None
            elif message["call"] == "encode":
                known = {"snr_db": message["snr_db"]} if "snr_db" in message else {}
                answer, returned = {}, codec.encode(array, **known)
            else:
                known = {name: message[name] for name in ("height", "width")}
                known["snr_db"] = np.array(message["snr_db"], np.float32)
                wanted = inspect.signature(codec.decode).parameters
                known = {name: value for name, value in known.items() if name in wanted}
                returned = codec.decode(array, **known)
                answer = {"ok": [image is not None for image in returned]}
                lost = np.zeros((message["height"], message["width"], 3), np.float32)
                returned = [lost if image is None else image for image in returned]
        except Exception as error:  # sent to moclink, which continues with the next picture
            answer, returned = {"error": f"{type(error).__name__}: {error}"}, None
        if returned is not None:
            returned = np.asarray(returned)
            kind = {"c": "<c8", "f": "<f4"}.get(returned.dtype.kind, "<u1")
            returned = np.ascontiguousarray(returned, kind)
            answer.update(shape=returned.shape, dtype=returned.dtype.newbyteorder("=").name)
        answers.write(json.dumps(answer).encode() + b"\n")
        if returned is not None:
            answers.write(returned.tobytes())
        answers.flush()
