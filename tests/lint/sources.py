"""The project's own source files: those that git tracks, or in a tarball all but build folders."""

import os
import subprocess
import sys

TOP = os.environ.get("top_srcdir") or os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))


def tracked():
    """Paths from the top, sorted."""
    try:
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", TOP, "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        paths = listed.stdout.decode().split("\0")
        paths = [path for path in paths if path and os.path.isfile(os.path.join(TOP, path))]
    except (OSError, subprocess.CalledProcessError):
        paths = []
    if not paths:
        paths = list(walked())
    return sorted(paths)


GENERATED = ("aclocal.m4", "config.h", "configure")


def walked():
    for folder, names, files in os.walk(TOP):
        names[:] = [n for n in names if not n.startswith((".git", "build", "_build", "autom4te"))]
        for name in files:
            if name in GENERATED or ".pb-c." in name:
                continue
            yield os.path.relpath(os.path.join(folder, name), TOP)


def with_suffix(*suffixes):
    return [path for path in tracked() if path.endswith(suffixes)]


def text(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


if __name__ == "__main__":
    print("\n".join(with_suffix(*sys.argv[1:])))
