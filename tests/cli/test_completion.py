"""Completion, by real shells on a terminal of their own, and what it offers."""

import os
import pty
import select
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from command_tree import root
from tfmat.cli.main import main

PREPARED = {
    # No files of the user's, and no history.
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source {script}"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u; source {script}"),
    "fish": (["fish", "--no-config", "-i"], "source {script}"),
}


class Terminal:
    """A shell on a terminal, to which one types."""

    def __init__(self, words, environment):
        self.child, self.file = pty.fork()
        if self.child == 0:
            os.execvpe(words[0], words, environment)
        self.seen = ""

    def type(self, text):
        os.write(self.file, text.encode())

    def wait_for(self, text, seconds=60.0):
        """Tells whether the terminal shows a text."""
        end = time.monotonic() + seconds
        while text not in self.seen and time.monotonic() < end:
            if select.select([self.file], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.file, 4096).decode("utf-8", "replace")
                except OSError:
                    break
        return text in self.seen

    def close(self):
        with suppress(ProcessLookupError):
            os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        os.close(self.file)


@pytest.mark.parametrize("shell", PREPARED)
def test_a_shell_completes(shell, tmp_path, capsys):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    with pytest.raises(SystemExit) as end:
        main(["completion", shell])
    assert end.value.code in (None, 0)
    (tmp_path / "script").write_text(capsys.readouterr().out, "utf-8")
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": places, "HOME": str(tmp_path), "TERM": "xterm"}
    words, first = PREPARED[shell]
    terminal = Terminal(words, environment)
    try:
        terminal.type(first.format(script=tmp_path / "script") + "; echo rea''dy\n")
        assert terminal.wait_for("ready"), terminal.seen
        time.sleep(0.5)
        terminal.seen = ""
        terminal.type("tfmat recipes show quick\t")
        assert terminal.wait_for("quickstart"), terminal.seen
    finally:
        terminal.close()


def offered(*words):
    """Returns what is offered for the last of some words."""
    *before, last = words
    return [
        item.value for item in ShellComplete(root, {}, "tfmat", "_").get_completions(before, last)
    ]


def test_keys_of_the_family_are_offered_for_set():
    assert "gan.gradient_penalty=" in offered("train", "ccdcgan", "--set", "gan.")
    assert "gan.critic_rate=" in offered("train", "matgan", "--set", "gan.")
    assert "gan.critic_rate=" not in offered("train", "ccdcgan", "--set", "gan.")
    assert offered("train", "dcgan", "--set", "gan.form=") == [
        "gan.form=reference",
        "gan.form=dense",
        "gan.form=writer",
        "gan.form=sources",
        "gan.form=none",
    ]
    assert offered("recipes", "show", "quickstart", "gan.em") == ["gan.ema"]


def test_names_are_offered():
    assert "ccdcgan-bi-se" in offered("generate", "ccdcgan", "--model", "ccd")
    assert "ccdcgan-bi-se" in offered("models", "show", "")
    assert "quickstart" in offered("train", "ccdcgan", "--recipe", "q")
    assert "bi-se" in offered("data", "info", "b")
    assert offered("comp") == ["completion"]
