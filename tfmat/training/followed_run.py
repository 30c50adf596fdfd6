"""A run folder as the workers see it that do not write it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tfmat.inference.keras_weights import load_network
from tfmat.metric import Metric
from tfmat.training.run import Run
from tfmat.training.run_record import read_run


class FollowedRun(Run):
    """The chief's run, read where it lies; what this worker would write goes to a scratch folder.

    Every worker computes what the chief does, so all that it writes during a stage is a copy of
    what the chief writes, and is thrown away when the stage has ended.

    Args:
        folder: The run folder, which all workers share.
        info: Contents of ``run.json``.
        recipe: Contents of ``recipe.toml``.
        scratch: A folder of this worker's own.
    """

    def __init__(
        self, folder: Path, info: dict[str, Any], recipe: dict[str, Any], scratch: Path
    ) -> None:
        super().__init__(folder, info, recipe)
        self.scratch = scratch

    @classmethod
    def follow(cls, folder: Path, recipe: Mapping[str, Any], scratch: Path) -> FollowedRun:
        """Opens the chief's run.

        Args:
            folder: The run folder.
            recipe: The recipe as plain tables, with what it did not know when it was written.
            scratch: A folder of this worker's own.

        Raises:
            InputError: The folder is no run of this version, or is damaged.
        """
        return cls(folder, read_run(folder)[0], dict(recipe), scratch)

    @property
    def log_folder(self) -> Path:
        """This worker's own folder: the chief's log is that of the run."""
        return self.scratch

    def refresh(self) -> None:
        """Reads again what the chief has finished."""
        self.info = read_run(self.folder)[0]

    def stage_folder(self, name: str) -> Path:
        """Returns the chief's folder of a finished stage, this worker's own of another one."""
        if self.finished(name):
            return super().stage_folder(name)
        path = self.scratch / "stages" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def checkpoints(self, name: str) -> Path:
        """Returns the chief's folder of a stage's checkpoints."""
        return super().stage_folder(name)

    def save_model(self, part: str, model: Any) -> Path:
        """Writes a network for this worker alone."""
        path = self.scratch / f"{part}.keras"
        model.save(path)
        return path

    def network(self, part: str) -> Any:
        """Loads a network of a finished stage, or one that this worker has just trained."""
        own = self.scratch / f"{part}.keras"
        return load_network(own) if own.exists() else super().network(part)

    def begin(self, name: str, **record: Any) -> None:
        """Notes nothing: the chief does."""

    def finish(
        self,
        name: str,
        outputs: Iterable[Path] = (),
        metrics: Iterable[Metric] = (),
        **record: Any,
    ) -> None:
        """Notes nothing: the chief does."""
