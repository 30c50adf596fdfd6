"""The folder that ``tfmat web`` writes: a page, the networks' runtime, and models."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfmat import __version__, files
from tfmat.errors import InputError, TfmatError
from tfmat.viewer import assets
from tfmat.web.elements import elements
from tfmat.web.models import WebModel, web_model

_STATIC = Path(__file__).parent / "static"
RUNTIME = "ort/ort-wasm-simd-threaded.wasm"
RUNTIME_VERSION = "1.30.0"
RUNTIME_SHA256 = "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
"""Of ``dist/ort-wasm-simd-threaded.wasm`` of the npm package ``onnxruntime-web``, MIT."""
SYMMETRY = "moyo/moyo_wasm_bg.wasm"
SYMMETRY_VERSION = "0.15.0"
SYMMETRY_SHA256 = "c0cc0c6160a81fbb1766dc3ee124a807775c91cc87bc25641ff0b9c69e39172a"
"""Of ``moyo_wasm_bg.wasm`` of the npm package ``@spglib/moyo-wasm``, MIT or Apache-2.0."""
PAGE, WORKER, MODELS, RECORD = "index.html", "sw.js", "models.json", "site.json"
# Kept by the browser from the first visit; models are when they are chosen.
_KEPT = (
    *("app.js", "worker.js", "app.css", "viewer.js", "viewer.css", "3Dmol-min.js"),
    *(RUNTIME, SYMMETRY, MODELS, "elements.json"),
)


def write_site(
    packages: Sequence[str | Path],
    out: str | Path,
    *,
    models_dir: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes a static site that generates in the browser.

    Args:
        packages: Packages, or their names: of crystals, by writers or sources, and MatGANs.
        out: The folder to write.
        models_dir: Folder that is searched first for a name.
        overwrite: Replace a site that is there.

    Returns:
        ``models`` (their names), ``files`` and ``bytes``.

    Raises:
        InputError: There is no package, one is not found or of a form that a page cannot run, or
            ``out`` is in the way.
    """
    place = Path(out)
    files.check_place(place, overwrite=overwrite, own=is_site)
    if not packages:
        raise InputError("`package`: name at least one model")
    models = [web_model(name, models_dir) for name in packages]
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise InputError(f"`package`: a name is given twice ({', '.join(names)})")
    with files.replacing_folder(place, overwrite=overwrite, own=is_site) as folder:
        _write_page(folder)
        for model in models:
            _write_model(folder / "models" / model.name, model)
        titles = [{"name": model.name, "title": model.title} for model in models]
        files.write_json(folder / MODELS, titles)
        files.write_json(folder / "elements.json", elements())
        _write_worker(folder)
        size = files.folder_size(folder)
        count = sum(file.is_file() for file in folder.rglob("*"))
        record = {"tfmat_version": __version__, "models": names, "files": count, "bytes": size}
        files.write_json(folder / RECORD, record)
    return record


def is_site(folder: Path) -> bool:
    """Tells whether a folder holds what ``tfmat web`` has written.

    Args:
        folder: Any folder.
    """
    return all((folder / name).is_file() for name in (PAGE, WORKER, MODELS, RECORD))


def _write_page(folder: Path) -> None:
    for file in sorted(_STATIC.rglob("*")):
        if file.is_file():
            target = folder / file.relative_to(_STATIC)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    for name, expected in ((RUNTIME, RUNTIME_SHA256), (SYMMETRY, SYMMETRY_SHA256)):
        if files.sha256(folder / name) != expected:
            raise TfmatError(f"{_STATIC / name}: is not what tfmat came with; install tfmat again")
    texts = {
        assets.LIBRARY: assets.library(),
        assets.LICENCE: assets.licence(),
        # A script of its own for the whole page: a module would not see its name.
        "viewer.js": assets.script() + "window.tfmatViewer = tfmatViewer;\n",
        "viewer.css": assets.style(),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8", newline="\n")


def _write_model(folder: Path, model: WebModel) -> None:
    folder.mkdir(parents=True)
    files.write_json(folder / "model.json", model.card)
    for name, file in model.files.items():
        shutil.copyfile(file, folder / name)
    for name, content in model.contents.items():
        (folder / name).write_bytes(content)


def _write_worker(folder: Path) -> None:
    """Gives the service worker its files, and a name that changes with any of them."""
    content = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            content.update(
                f"{file.relative_to(folder).as_posix()}\0{files.sha256(file)}\0".encode()
            )
    listed = ", ".join(f'"{name}"' for name in _KEPT)
    text = (folder / WORKER).read_text("utf-8")
    text = text.replace("@version@", content.hexdigest()[:16]).replace("@files@", listed)
    (folder / WORKER).write_text(text, "utf-8", newline="\n")
