"""JPEG XL that may ask for any amount of memory, decoded in a process of its own whose memory is limited.

Run as a script it is that process: length-prefixed codestreams come in on stdin, arrays go out on stdout. It imports
nothing of this package, so that it starts fast.
"""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import sys
import threading
from typing import IO, Any

import numpy as np
import numpy.typing as npt

# The interpreter and its libraries, and what libjxl needs for each sample of the picture asked for.
_BASE_BYTES = 1 << 30
_BYTES_A_SAMPLE = 64
_LARGEST_REPLY_HEAD = 4096


class ApartDecoder:
    """Starts the process when it is first needed and ends it when closed. Threads take turns.

    Parameters
    ----------
    n_samples
        Samples of the largest picture it is asked for: they bound its memory.
    """

    def __init__(self, n_samples: int) -> None:
        self._limit = _BASE_BYTES + _BYTES_A_SAMPLE * n_samples
        self._largest = 4 * n_samples
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def decode(self, data: bytes) -> npt.NDArray[Any]:
        """The picture of a codestream; ValueError where it cannot be decoded within the memory."""
        with self._turn:
            if self._process is None:
                # -P: the folder of this file holds modules named like those of the standard library.
                command = [sys.executable, "-P", __file__, str(self._limit)]
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
            process = self._process
            if process.stdin is None or process.stdout is None:
                raise ValueError("no pipe to the decoder")
            try:
                process.stdin.write(struct.pack("<Q", len(data)) + data)
                process.stdin.flush()
                return self._reply(process.stdout)
            except (OSError, ValueError, EOFError, struct.error, KeyError, TypeError) as error:
                self._end()
                raise ValueError(f"its decoder gave up ({error})") from error

    def _reply(self, pipe: IO[bytes]) -> npt.NDArray[Any]:
        size = struct.unpack("<I", _exactly(pipe, 4))[0]
        if size > _LARGEST_REPLY_HEAD:
            raise ValueError("an answer that is none")
        head = json.loads(_exactly(pipe, size))
        if "error" in head:
            raise ValueError(head["error"])
        kind, shape = np.dtype(head["dtype"]), tuple(map(int, head["shape"]))
        n_bytes = int(np.prod(shape, dtype=object)) * kind.itemsize
        if n_bytes > self._largest or kind.kind not in "uf":
            raise ValueError(f"a picture of shape {shape}")
        return np.frombuffer(_exactly(pipe, n_bytes), kind).reshape(shape)

    def close(self) -> None:
        """End the process, if there is one."""
        with self._turn:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) != size:
        raise EOFError("it ended")
    return data


def _serve(limit_bytes: int) -> None:
    """The other side: decode until stdin ends."""
    import imagecodecs

    # Windows has no such limit; there only crashes are kept apart.
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while len(head := source.read(8)) == 8:
        data = source.read(struct.unpack("<Q", head)[0])
        payload = b""
        try:
            picture = np.ascontiguousarray(imagecodecs.jpegxl_decode(data, numthreads=1, keeporientation=True))
            answer: dict[str, Any] = {"dtype": picture.dtype.str, "shape": picture.shape}
            payload = picture.tobytes()
        except Exception as error:
            answer = {"error": str(error)[:500]}
        words = json.dumps(answer).encode()
        target.write(struct.pack("<I", len(words)) + words + payload)
        target.flush()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
