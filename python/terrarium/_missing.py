"""What an import did not find, and how it gets there.

Imported when an import has failed. What Python says of it is a name; whose interpreter looked for
it, and where, is what people need, and mostly another interpreter than the one of their shell.
"""

from __future__ import annotations

import sys

from terrarium import _stdlib
from terrarium._cpython import PathFinder
from terrarium._stdlib import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

DISTRIBUTIONS = {
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "Pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "distutils": "setuptools",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "github": "PyGithub",
    "google.protobuf": "protobuf",
    "grpc": "grpcio",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "nacl": "PyNaCl",
    "pkg_resources": "setuptools",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "umap": "umap-learn",
    "usb": "pyusb",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}
"""Modules whose distribution is called otherwise, of those that are asked for most."""

_INSTALLED = ("site-packages", "dist-packages")


def remedy(error: ImportError) -> str | None:
    """What helps, in one line; ``None`` where nobody can say."""
    name = error.name
    if not isinstance(error, ModuleNotFoundError) or not name:
        return None
    parent = _present_parent(name)
    if parent is None:
        if _stdlib.has(name.partition(".")[0]):
            return (
                f"it belongs to the standard library, and {_interpreter()} was built without it, or"
                " has it in a package of the system's (python3-tk and the like)"
            )
        return (
            f"{_interpreter()} has no such module: {_install(name)}; a module of your own is"
            f" looked for in {_listed(_folders())}, and where PYTHONPATH says"
        )
    folders = [str(each) for each in getattr(parent, "__path__", [])]
    if not folders:
        return f"{parent.__name__!r} is a module ({_file(parent)}), not a package with others in it"
    if not any(place in folder for folder in folders for place in _INSTALLED):
        return f"it was looked for in {_listed(folders)}"
    if getattr(parent, "__file__", None) is None:  # of several distributions, which is not there
        return f"{_interpreter()} has no such module: {_install(name)}"
    return (
        f"{parent.__name__!r} is installed ({_listed(folders)}), in a version that has no such"
        f" module; another may have it: {_pip()} install --upgrade {_distribution(parent.__name__)}"
    )


def _present_parent(name: str) -> ModuleType | None:
    """The innermost package above it that was imported."""
    while "." in name:
        name = name.rpartition(".")[0]
        if name in sys.modules:
            return sys.modules[name]
    return None


def _install(name: str) -> str:
    line = f"{_pip()} install {_distribution(name)}"
    if _is_managed():
        line += (
            "; pip will refuse, since the system manages this interpreter (PEP 668): make a virtual"
            f" environment ({_quoted(_executable())} -m venv DIR), install there, and name it with"
            " python('DIR/bin/python') or TERRARIUM_PYTHON"
        )
    elif PathFinder.find_spec("pip") is None:
        line += f"; it has no pip yet: {_quoted(_executable())} -m ensurepip"
    return line


def _distribution(name: str) -> str:
    """Of the module, or of the package that it is in."""
    whole = name
    while name:
        if name in DISTRIBUTIONS:
            return DISTRIBUTIONS[name]
        name = name.rpartition(".")[0]
    top = whole.partition(".")[0]
    # Several distributions put their modules into one package (google, azure): by the whole name.
    return whole.replace(".", "-") if top in sys.modules else top


def _interpreter() -> str:
    return "Python {}.{}.{} ({})".format(*sys.version_info[:3], _executable())


def _executable() -> str:
    return sys.executable or "python3"


def _pip() -> str:
    return f"{_quoted(_executable())} -m pip"


def _quoted(path: str) -> str:
    from shlex import quote

    return quote(path)


def _is_managed() -> bool:
    """Whether pip refuses to install into it: a system's own interpreter, and no virtual environment
    of it.
    """
    marker = os.path.join(_stdlib.FOLDER, "EXTERNALLY-MANAGED")
    return sys.prefix == sys.base_prefix and os.path.exists(marker)


def _folders() -> list[str]:
    """Where modules of the user's own are looked for."""
    ours = os.path.dirname(_stdlib.OURS.rstrip(os.sep))
    return [
        each
        for each in sys.path
        if each
        and each != ours
        and not each.startswith(_stdlib.FOLDER)
        and not each.endswith(".zip")
        and not any(place in each for place in _INSTALLED)
    ]


def _listed(folders: list[str]) -> str:
    return ", ".join(folders[:3]) or "no folder"


def _file(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or "built in")
