"""Commands in a fresh interpreter."""

import json
import subprocess
import sys


def run_and_list_modules(*arguments):
    """Runs a command in a fresh interpreter; returns its exit code and the modules it imported."""
    script = (
        "import json, sys\n"
        "from tfmat.cli.main import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit as end:\n"
        "    print()\n"
        "    print(json.dumps([end.code, sorted(sys.modules)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    return code, set(modules), done.stdout
