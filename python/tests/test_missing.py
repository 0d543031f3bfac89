"""What an import did not find: whose interpreter, what installs it, or where it was looked for."""

from __future__ import annotations

import json.decoder
import subprocess
import sys
import types

import pytest

from terrarium import _adapter, _errors, _missing, _stdlib


def missing(name: str) -> str | None:
    return _errors.remedy(ModuleNotFoundError(f"No module named {name!r}", name=name))


@pytest.fixture(autouse=True)
def _unmanaged(monkeypatch):
    monkeypatch.setattr(_missing, "_is_managed", lambda: False)
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_it_names_the_interpreter_its_version_and_the_line_that_installs():
    said = missing("nmpy")
    version = "{}.{}.{}".format(*sys.version_info[:3])
    assert said.startswith(f"Python {version} ({sys.executable}) has no such module: ")
    assert f"{sys.executable} -m pip install nmpy" in said


@pytest.mark.parametrize(
    ("module", "distribution"),
    [
        ("cv2", "opencv-python"),
        ("sklearn.linear_model", "scikit-learn"),
        ("yaml", "PyYAML"),
        ("PIL", "Pillow"),
        ("bs4", "beautifulsoup4"),
        ("dateutil.parser", "python-dateutil"),
        ("google.protobuf.message", "protobuf"),
        ("some_package.inner", "some_package"),
    ],
)
def test_it_names_the_distribution_where_that_is_called_otherwise(module, distribution):
    assert f"-m pip install {distribution};" in missing(module)


def test_an_interpreter_with_a_blank_in_its_path_is_quoted(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/opt/my tools/python")
    assert "'/opt/my tools/python' -m pip install x_y" in missing("x_y")


def test_an_interpreter_that_the_system_manages_wants_a_virtual_environment(monkeypatch):
    monkeypatch.setattr(_missing, "_is_managed", lambda: True)
    said = missing("nmpy")
    assert f"PEP 668): make a virtual environment ({sys.executable} -m venv DIR)" in said
    assert "TERRARIUM_PYTHON" in said


def test_a_virtual_environment_of_a_managed_interpreter_is_not_managed(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(_stdlib, "FOLDER", str(tmp_path))
    (tmp_path / "EXTERNALLY-MANAGED").write_text("[externally-managed]\n")
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    assert _missing._is_managed()
    monkeypatch.setattr(sys, "base_prefix", sys.prefix + "-elsewhere")
    assert not _missing._is_managed()


def test_an_interpreter_without_pip_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setattr(sys, "path", [each for each in sys.path if "-packages" not in each])
    assert f"it has no pip yet: {sys.executable} -m ensurepip" in missing("nmpy")


def test_a_part_of_the_standard_library_is_not_installed_by_pip():
    said = missing("tkinter")
    assert "belongs to the standard library" in said
    assert "pip" not in said


def test_what_a_package_of_the_users_own_lacks_is_not_installed_by_pip(tmp_path):
    folder = tmp_path / "stats_under_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("from .helpr import twice\n")
    with pytest.raises(_adapter.LoadFailed) as caught:
        _adapter.load(str(folder))
    assert str(caught.value) == (
        f"No module named 'stats_under_test.helpr'; it was looked for in {folder}"
    )


def test_what_an_installed_package_lacks_may_be_in_another_version(monkeypatch):
    package = types.ModuleType("sklearn")
    package.__path__ = ["/lib/site-packages/sklearn"]
    package.__file__ = "/lib/site-packages/sklearn/__init__.py"
    monkeypatch.setitem(sys.modules, "sklearn", package)
    said = missing("sklearn.frozen")
    assert "'sklearn' is installed (/lib/site-packages/sklearn)" in said
    assert "-m pip install --upgrade scikit-learn" in said


def test_a_folder_that_several_distributions_share_counts_for_none_of_them(monkeypatch):
    package = types.ModuleType("google")
    package.__path__ = ["/lib/site-packages/google"]
    monkeypatch.setitem(sys.modules, "google", package)
    assert "-m pip install google-cloud-storage" in missing("google.cloud.storage")
    assert "-m pip install protobuf" in missing("google.protobuf")


def test_a_module_that_is_no_package_is_named():
    said = missing(f"{json.decoder.__name__}.deeper")
    assert said.startswith("'json.decoder' is a module (")


def test_other_failures_of_imports_have_no_such_remedy():
    assert _errors.remedy(ImportError("cannot import name 'x' from 'os'", name="os")) is None
    assert _errors.remedy(ModuleNotFoundError("by hand")) is None
    assert _errors.remedy(ValueError("x")) is None


def test_an_adapter_that_lacks_one_says_so_with_its_failure(tmp_path):
    path = tmp_path / "adapter_under_test.py"
    path.write_text("import nmpy\n")
    with pytest.raises(_adapter.LoadFailed) as caught:
        _adapter.load(str(path))
    assert caught.value.reason == "ADAPTER_IMPORT"
    said = str(caught.value)
    assert said.startswith("No module named 'nmpy'; Python 3.")
    assert f"{sys.executable} -m pip install nmpy" in said
    assert f"a module of your own is looked for in {tmp_path}" in said


def test_who_has_all_modules_does_not_pay_for_it():
    home = str(_errors.OURS).rsplit("/", 2)[0]
    code = (
        f"import sys; sys.path.insert(0, {home!r})\n"
        "from terrarium import _worker, _zygote, _warden\n"
        "print('terrarium._missing' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert said == "False\n"
